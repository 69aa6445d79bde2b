import { cropOrPad, cutBox, padToAtLeast } from '../crop.js'
import { foregroundBox } from '../foreground.js'
import { reorient } from '../orientation.js'
import { type IntensityWindow, windowPresets } from '../picture/windows.js'
import { resampleToSpacing } from '../resample.js'
import { contiguous, type Volume } from '../volume.js'
import { type PreprocessStep, parsePreprocessSteps, type ResolvedStep } from './steps.js'
import { clamped, intervalMap, mappedLinearly, normalizingMap } from './values.js'

/**
 * Runs the steps one after the other and returns a C-ordered float32 volume whose affine still maps its voxels to
 * millimetres. Integer volumes stay integer until a step makes them float32, which matters to `roundTowardZero`.
 * The input is not changed. Throws a DataError for wrong steps and for volumes that cannot go through them.
 */
export function preprocess(volume: Volume, steps: readonly PreprocessStep[]): Volume {
  return runSteps(volume, parsePreprocessSteps(steps))
}

/** The same for checked steps. `note` hears of each step as it was taken; voxels that are `own` may be changed. */
export function runSteps(
  volume: Volume,
  steps: readonly PreprocessStep[],
  note: (step: ResolvedStep) => void = () => {},
  own = false,
): Volume {
  let current = volume
  for (const step of steps) {
    for (const resolved of resolveStep(current, step)) {
      // Voxels that a step has made for itself may be changed by the next in place.
      current = applyStep(current, resolved, own || current.data !== volume.data)
      note(resolved)
    }
  }
  return contiguous(current, 'float32')
}

/**
 * The steps that do the same to this very volume and look at no voxel: a box for the foreground, a linear map for a
 * normalisation or a window.
 */
function resolveStep(volume: Volume, step: PreprocessStep): ResolvedStep[] {
  switch (step.kind) {
    case 'scale':
      return [{ kind: 'linear', ...intervalMap(step.from, step.to) }]
    case 'window':
      return windowSteps(step)
    case 'windowPreset':
      return windowSteps(windowPresets[step.preset])
    case 'normalize':
      return [{ kind: 'linear', ...normalizingMap(volume, step) }]
    case 'cropForeground': {
      const { above = 0, margin = [0, 0, 0], rule = 'monai' } = step
      return [{ kind: 'box', ...foregroundBox(volume, { above, margin, rule }), value: 0 }]
    }
    default:
      return [step]
  }
}

function windowSteps({ center, width }: IntensityWindow): ResolvedStep[] {
  const [min, max] = [center - width / 2, center + width / 2]
  return [
    { kind: 'clamp', min, max },
    { kind: 'linear', ...intervalMap([min, max], [0, 1]) },
  ]
}

function applyStep(volume: Volume, step: ResolvedStep, inPlace: boolean): Volume {
  switch (step.kind) {
    case 'orient':
      return reorient(volume, step.codes)
    case 'resample': {
      const { spacingMm, interpolation = 'linear', rule = 'torchio', antialias = false, roundTowardZero = false } = step
      return resampleToSpacing(volume, spacingMm, { interpolation, rule, antialias, roundTowardZero })
    }
    case 'clamp':
      return clamped(volume, step.min, step.max, inPlace)
    case 'linear':
      return mappedLinearly(volume, step, inPlace)
    case 'cropOrPad':
      return cropOrPad(volume, step.size, step.value, step.surplus)
    case 'padToAtLeast':
      return padToAtLeast(volume, step.size, step.value, step.surplus)
    case 'box':
      return cutBox(volume, step, step.value)
  }
}

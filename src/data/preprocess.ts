import { z } from 'zod'
import { cropOrPad, padToAtLeast, type Surplus } from './crop.js'
import { DataError } from './errors.js'
import { cropForeground } from './foreground.js'
import type { Triple } from './geometry.js'
import type { Interpolation } from './interpolate.js'
import { areAxisCodes, reorient } from './orientation.js'
import { type Antialias, resampleToSpacing } from './resample.js'
import type { SamplingRule } from './sampling-rules.js'
import { contiguous, type Volume } from './volume.js'
import { allocateVoxels, canHold, type VoxelArray, type VoxelType, voxelType } from './voxels.js'

/** One step from a scan to a network's input. A list of them is plain JSON and describes a model's preprocessing. */
export type PreprocessStep =
  /** Array axes toward these sides of the patient, such as 'SAR' (see `reorient`). */
  | { kind: 'orient'; codes: string }
  /** Another voxel spacing in mm (see `resampleToSpacing`). */
  | {
      kind: 'resample'
      spacingMm: Triple
      interpolation?: Interpolation | undefined
      rule?: SamplingRule | undefined
      antialias?: Antialias | undefined
      roundTowardZero?: boolean | undefined
    }
  /** Values below `min` become `min`, values above `max` become `max`. */
  | { kind: 'clamp'; min: number; max: number }
  /**
   * The linear map that takes the interval `from` to the interval `to`; values outside are mapped alike. Gives float32.
   */
  | { kind: 'scale'; from: [number, number]; to: [number, number] }
  /** Centred cut or fill to a number of voxels (see `cropOrPad`). */
  | { kind: 'cropOrPad'; size: Triple; value: number; surplus?: Surplus | undefined }
  /** Fill to at least a number of voxels (see `padToAtLeast`). */
  | { kind: 'padToAtLeast'; size: Triple; value: number; surplus?: Surplus | undefined }
  /** Cut to the voxels above a value (see `cropForeground`). */
  | {
      kind: 'cropForeground'
      above?: number | undefined
      margin?: Triple | undefined
      rule?: 'monai' | 'fvlm' | undefined
    }

const triple = (item: z.ZodNumber) => z.tuple([item, item, item])
const interval = z.tuple([z.number(), z.number()])
const filling = {
  size: triple(z.number().int().positive()),
  value: z.number(),
  surplus: z.enum(['beginning', 'end']).optional(),
}
const ends = 'the ends of an interval must differ'

/** Checks a list of steps that comes from JSON. */
export const preprocessStepsSchema: z.ZodType<PreprocessStep[]> = z.array(
  z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('orient'),
      codes: z.string().refine(areAxisCodes, "must be an orientation such as 'RAS' or 'SAR'"),
    }),
    z.strictObject({
      kind: z.literal('resample'),
      spacingMm: triple(z.number().positive()),
      interpolation: z.enum(['linear', 'nearest', 'cubic']).optional(),
      rule: z.enum(['torchio', 'monai', 'fvlm']).optional(),
      antialias: z.union([z.literal(false), z.literal('sampled-gaussian')]).optional(),
      roundTowardZero: z.boolean().optional(),
    }),
    z
      .strictObject({ kind: z.literal('clamp'), min: z.number(), max: z.number() })
      .refine(({ min, max }) => min <= max, { message: 'min must not exceed max', path: ['min'] }),
    z.strictObject({
      kind: z.literal('scale'),
      from: interval.refine(([low, high]) => low !== high, ends),
      to: interval,
    }),
    z.strictObject({ kind: z.literal('cropOrPad'), ...filling }),
    z.strictObject({ kind: z.literal('padToAtLeast'), ...filling }),
    z.strictObject({
      kind: z.literal('cropForeground'),
      above: z.number().optional(),
      margin: triple(z.number().int().nonnegative()).optional(),
      rule: z.enum(['monai', 'fvlm']).optional(),
    }),
  ]),
)

/** The checked steps. Throws a DataError that names every wrong field, such as `steps[1].spacingMm[0]`. */
export function parsePreprocessSteps(steps: unknown): PreprocessStep[] {
  const result = preprocessStepsSchema.safeParse(steps)
  if (result.success) return result.data
  const problems = result.error.issues.map(({ path, message }) => {
    const field = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
    return `steps${field}: ${message}`
  })
  throw new DataError(`preprocessing steps are wrong: ${problems.join('; ')}`)
}

/**
 * Runs the steps one after the other and returns a C-ordered float32 volume whose affine still maps its voxels to
 * millimetres. Integer volumes stay integer until a step makes them float32, which matters to `roundTowardZero`.
 * The input is not changed. Throws a DataError for wrong steps and for volumes that cannot go through them.
 */
export function preprocess(volume: Volume, steps: readonly PreprocessStep[]): Volume {
  // Voxels that a step has made for itself may be changed by the next in place.
  const result = parsePreprocessSteps(steps).reduce(
    (current, step) => applyStep(current, step, current.data !== volume.data),
    volume,
  )
  return contiguous(result, 'float32')
}

function applyStep(volume: Volume, step: PreprocessStep, inPlace: boolean): Volume {
  switch (step.kind) {
    case 'orient':
      return reorient(volume, step.codes)
    case 'resample': {
      const { spacingMm, interpolation = 'linear', rule = 'torchio', antialias = false, roundTowardZero = false } = step
      return resampleToSpacing(volume, spacingMm, { interpolation, rule, antialias, roundTowardZero })
    }
    case 'clamp':
      return clamp(volume, step.min, step.max, inPlace)
    case 'scale':
      return scale(volume, step.from, step.to, inPlace)
    case 'cropOrPad':
      return cropOrPad(volume, step.size, step.value, step.surplus)
    case 'padToAtLeast':
      return padToAtLeast(volume, step.size, step.value, step.surplus)
    case 'cropForeground': {
      const { above = 0, margin = [0, 0, 0], rule = 'monai' } = step
      return cropForeground(volume, { above, margin, rule })
    }
  }
}

/** Integers stay integers when their type can hold both limits. NaN stays. */
function clamp(volume: Volume, min: number, max: number, inPlace: boolean): Volume {
  const type = voxelType(volume.data)
  const keepsType = canHold(type, min) && canHold(type, max)
  return mapped(volume, keepsType ? type : 'float32', inPlace, (from, to) => {
    for (let n = 0; n < to.length; n++) to[n] = Math.min(Math.max(from[n]!, min), max)
  })
}

function scale(
  volume: Volume,
  from: readonly [number, number],
  to: readonly [number, number],
  inPlace: boolean,
): Volume {
  const slope = (to[1] - to[0]) / (from[1] - from[0])
  const intercept = to[0] - from[0] * slope
  return mapped(volume, 'float32', inPlace, (values, results) => {
    for (let n = 0; n < results.length; n++) results[n] = values[n]! * slope + intercept
  })
}

/** A C-ordered volume whose voxels `fill` computes from those of the volume, one by one. */
function mapped(
  volume: Volume,
  type: VoxelType,
  inPlace: boolean,
  fill: (from: VoxelArray, to: VoxelArray) => void,
): Volume {
  const { data: from, ...rest } = contiguous(volume)
  const own = from !== volume.data || inPlace
  const data = own && voxelType(from) === type ? from : allocateVoxels(type, from.length)
  fill(from, data)
  return { ...rest, data }
}

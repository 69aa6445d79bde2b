/** From a CT scan and its mask to the input of fVLM. */
import { cutBox, padToAtLeast } from '../crop.js'
import { DataError } from '../errors.js'
import { foregroundBox } from '../foreground.js'
import type { Triple } from '../geometry.js'
import { rearranged, reorient } from '../orientation.js'
import { preprocess } from '../preprocess/preprocess.js'
import { resampleToSpacing } from '../resample.js'
import { contiguous, type Volume, volumeName } from '../volume.js'
import { anatomyLabels, type LabelMapping, totalSegmentatorLabels } from './anatomies.js'
import { checkHounsfield } from './hounsfield.js'
import { mergeLabels, missingMask } from './labels.js'

/** Numbers of the published preprocessing for CT-RATE. Extents and margins are in the order D, H, W. */
export interface FvlmPreprocessing {
  readonly spacingMm: Readonly<Triple>
  readonly windowHu: readonly [low: number, high: number]
  /** Voxels kept around all anatomies together. */
  readonly margin: Readonly<Triple>
  /** The result is filled up with zeros to at least this. */
  readonly leastExtents: Readonly<Triple>
}

export const fvlmPreprocessing: FvlmPreprocessing = {
  spacingMm: [1, 1, 3],
  windowHu: [-1150, 350],
  margin: [5, 20, 20],
  leastExtents: [112, 256, 352],
}

export interface PrepareFvlmOptions {
  /** Names of the model's anatomies, in its order. Default: those of the released model. */
  readonly anatomies?: readonly string[] | undefined
  /** Which labels of the mask belong to an anatomy. Default: TotalSegmentator's task `total`, version 2. */
  readonly mapping?: LabelMapping | undefined
  readonly preprocessing?: FvlmPreprocessing | undefined
  /** `LPS` (default) turns both to the frame of CT-RATE's files; `stored` takes the order of the file, as published. */
  readonly frame?: 'LPS' | 'stored' | undefined
  /** Refuse scans that cannot be in HU (see `checkHounsfield`). Default true. */
  readonly checkIntensities?: boolean | undefined
}

/** A scan on the model's grid, row-major `[D, H, W]`: head and feet, front and back, right and left. */
export interface PreparedFvlmScan {
  /** From 0 to 1. */
  readonly image: Float32Array
  /** 0 for none, i + 1 for the i-th anatomy. */
  readonly labels: Uint8Array
  readonly extents: Readonly<Triple>
}

/** Image in HU and anatomy numbers on the grid of the model's spacing, in the order of the file. */
export interface ResampledScan {
  readonly image: Volume
  readonly labels: Volume
}

/** The published resampling: image linear, labels nearest. Its spacings and sizes are those of the rule `fvlm`. */
export function resampleForFvlm(scan: ResampledScan, { spacingMm }: FvlmPreprocessing): ResampledScan {
  const target: Triple = [...spacingMm]
  const resample = (volume: Volume, interpolation: 'linear' | 'nearest') =>
    resampleToSpacing(volume, target, { rule: 'fvlm', interpolation })
  const resampled = { image: resample(scan.image, 'linear'), labels: resample(scan.labels, 'nearest') }
  if (resampled.image.shape[2] === 1) {
    throw new DataError('is one slice thin at the spacing of the model; the published pipeline skips such scans', {
      path: volumeName(scan.image),
    })
  }
  return resampled
}

/** Intensities to 0 ... 1. Gives float32. */
export function windowHounsfield(image: Volume, [low, high]: readonly [number, number]): Volume {
  return preprocess(image, [
    { kind: 'clamp', min: low, max: high },
    { kind: 'scale', from: [low, high], to: [0, 1] },
  ])
}

/** A resampled scan cut to its anatomies and brought to intensities from 0 to 1, `[D, H, W]`, before it is filled up. */
export function cropToAnatomies(
  { image, labels }: ResampledScan,
  { margin, windowHu }: FvlmPreprocessing,
): ResampledScan {
  const turn = (volume: Volume) => rearranged(volume, [2, 1, 0], [false, false, false])
  const box = foregroundBox(turn(labels), { margin: [...margin], rule: 'fvlm' })
  return { image: windowHounsfield(cutBox(turn(image), box), windowHu), labels: contiguous(cutBox(turn(labels), box)) }
}

/**
 * Brings a scan in HU and its label map, on one grid, to the model. Throws a DataError when there is no mask, when it
 * shows no anatomy, when the two are not on one grid, and when the scan is not in HU.
 */
export function prepareFvlmScan(
  scan: Volume,
  mask: Volume | undefined,
  options: PrepareFvlmOptions = {},
): PreparedFvlmScan {
  const { mapping = anatomyLabels, preprocessing = fvlmPreprocessing } = options
  const { anatomies = Object.keys(totalSegmentatorLabels), frame = 'LPS', checkIntensities = true } = options
  if (!mask) throw missingMask(volumeName(scan))
  checkOneGrid(scan, mask)
  if (checkIntensities) checkHounsfield(scan)
  const turned = (volume: Volume) => (frame === 'LPS' ? reorient(volume, 'LPS') : volume)
  const merged = mergeLabels(mask, anatomies, mapping)
  const resampled = resampleForFvlm({ image: turned(scan), labels: turned(merged) }, preprocessing)
  const cropped = cropToAnatomies(resampled, preprocessing)
  const least: Triple = [...preprocessing.leastExtents]
  const image = padToAtLeast(cropped.image, least, 0, 'end')
  const labels = padToAtLeast(cropped.labels, least, 0, 'end')
  return {
    image: contiguous(image, 'float32').data as Float32Array,
    labels: contiguous(labels, 'uint8').data as Uint8Array,
    extents: image.shape,
  }
}

/** A tenth of a voxel is far more than headers round, and far less than a shift that matters. */
function checkOneGrid(scan: Volume, mask: Volume): void {
  const path = volumeName(mask)
  if (scan.shape.join() !== mask.shape.join()) {
    throw new DataError(`has ${mask.shape.join(' x ')} voxels, the scan ${scan.shape.join(' x ')}`, {
      path,
      remedy: 'Make the mask from this scan, or resample it onto its grid',
    })
  }
  const tolerance = 0.1 * Math.min(...[0, 1, 2].map((axis) => Math.hypot(...column(scan, axis))))
  const off = scan.affine.some((value, i) => {
    const reach = i % 4 === 3 ? 1 : scan.shape[i % 4]!
    return Math.abs(value - mask.affine[i]!) * reach > tolerance
  })
  if (off)
    throw new DataError('lies elsewhere than the scan', { path, remedy: 'Resample it onto the grid of the scan' })
}

const column = ({ affine }: Volume, axis: number): number[] => [0, 4, 8].map((row) => affine[row + axis]!)

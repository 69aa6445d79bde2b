/** Features of every patch of a scan, and what can be drawn from them over the scan itself. */
import {
  type Affine,
  type GridHistory,
  multiplyAffines,
  resampleToGrid,
  restoreGrid,
  type Triple,
  type Volume,
  volumeFromArray,
} from '../data/index.js'
import { ShapeError } from '../engine/index.js'

/** A grid of vectors in the patient. */
export interface DenseImage {
  /** `[D, H, W, features]` in C order. */
  readonly data: Float32Array
  readonly shape: readonly [number, number, number, number]
  /** Index (d, h, w) of a patch to the RAS+ millimetres of its middle, 16 numbers, row-major. */
  readonly affine: Affine
  /** The grid that the scan was brought to, and the way back to the scan's own. */
  readonly prepared: PreparedGrid
}

export interface PreparedGrid {
  readonly shape: Triple
  readonly affine: Affine
  readonly history: GridHistory
}

export function preparedGrid({ shape, affine, history = [] }: Volume): PreparedGrid {
  return { shape, affine, history }
}

/** Where the middles of patches lie. */
export function patchAffine(affine: Affine, patch: readonly [number, number, number]): Affine {
  const [d, h, w] = patch
  const middle = patch.map((size) => (size - 1) / 2) as Triple
  return multiplyAffines(affine, [d, 0, 0, middle[0], 0, h, 0, middle[1], 0, 0, w, middle[2], 0, 0, 0, 1])
}

/** Dot products of every patch with a vector, on the grid of the patches. With unit vectors these are cosines. */
export function patchSimilarities({ data, shape, affine }: DenseImage, vector: Float32Array): Volume {
  const [d, h, w, features] = shape
  if (vector.length !== features) {
    throw new ShapeError(`similarityMap: a vector of ${vector.length} numbers does not fit patches of ${features}`)
  }
  const values = new Float32Array(d * h * w)
  for (let n = 0; n < values.length; n++) {
    let sum = 0
    for (let f = 0; f < features; f++) sum += data[n * features + f]! * vector[f]!
    values[n] = sum
  }
  return volumeFromArray(values, [d, h, w], affine)
}

/** The lowest and the highest value of patches. */
export function valueRange({ data }: Volume): [lowest: number, highest: number] {
  let [lowest, highest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of data) [lowest, highest] = [Math.min(lowest, value), Math.max(highest, value)]
  return [lowest, highest]
}

/**
 * A volume on the grid of the patches, linearly interpolated over the grid of the scan that they are of. `outside` (NaN
 * by default: nothing is known) is for voxels that the network did not see.
 */
export function overScan(patches: Volume, { shape, affine, history }: PreparedGrid, outside = Number.NaN): Volume {
  const prepared = resampleToGrid(patches, { shape, affine })
  return restoreGrid({ ...prepared, history }, history, { outside })
}

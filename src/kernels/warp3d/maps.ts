/** Affine maps in fixed point, which is the same on every adapter. */
import { LimitError, ShapeError } from '../../engine/errors.js'

/**
 * Where an output voxel lies in the input, in voxels: 12 numbers, row-major. Row r gives the position along input axis r
 * (depth, height, width) of output voxel (d, h, w): `m[4r] * d + m[4r + 1] * h + m[4r + 2] * w + m[4r + 3]`.
 */
export type WarpMap = readonly number[]

/** Every voxel stays where it is. */
export const identityMap: WarpMap = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]

/** Words of a map: the whole part (signed) and the fraction (unsigned, in 2^-32) of each of its numbers. */
export const mapWords = 24

/** Positions are 32-bit integers with fractions. */
const largestPosition = 2 ** 30

/**
 * The maps as words, for a tensor `[N, 24]` of i32. With an output of `size` voxels.
 *
 * @throws ShapeError for a map that is not 12 finite numbers, LimitError for positions of 2^30 voxels and more.
 */
export function encodeMaps(maps: readonly WarpMap[], size: readonly number[]): Int32Array {
  return Int32Array.from(
    maps.flatMap((map) => {
      if (map.length !== 12 || !map.every(Number.isFinite)) {
        throw new ShapeError(`warp3d: a map is 12 finite numbers, got (${map.join(', ')})`)
      }
      for (let row = 0; row < 12; row += 4) {
        const reach = size.reduce((sum, extent, axis) => sum + Math.abs(map[row + axis]!) * extent, 0)
        if (reach + Math.abs(map[row + 3]!) >= largestPosition) {
          throw new LimitError(`warp3d: the map (${map.join(', ')}) leads 2^30 voxels and more away`)
        }
      }
      return map.flatMap(wordsOf)
    }),
  )
}

function wordsOf(value: number): [number, number] {
  const whole = Math.floor(value)
  const fraction = Math.round((value - whole) * 2 ** 32)
  return fraction === 2 ** 32 ? [whole + 1, 0] : [whole, fraction | 0]
}

/** The numbers that a map's words stand for: the inverse of {@link encodeMaps} for one map. */
export function decodeMap(words: ArrayLike<number>, sample: number): number[] {
  return Array.from({ length: 12 }, (_, n) => {
    const at = sample * mapWords + 2 * n
    return words[at]! + (words[at + 1]! >>> 0) / 2 ** 32
  })
}

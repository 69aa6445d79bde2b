import type { Axis, Triple } from './geometry.js'
import type { VoxelArray } from './voxels.js'

/** Where the elements of a three-dimensional array lie inside a flat one. */
export interface StridedArray {
  data: VoxelArray
  strides: Readonly<Triple>
  offset: number
}

/** Edge of the square tiles of a transposing copy: 32 x 32 voxels of 4 bytes on each side fit a first-level cache. */
const TILE = 32

/** Array axes from the widest to the narrowest step in memory: the order in which nested loops should run. */
export function axesByStride(strides: Readonly<Triple>): [Axis, Axis, Axis] {
  const axes: [Axis, Axis, Axis] = [0, 1, 2]
  return axes.sort((a, b) => Math.abs(strides[b]) - Math.abs(strides[a]))
}

/**
 * Copies `shape` elements from one strided array to another, converting to the target's type as assignment does.
 * Where the two disagree on the fastest axis, that pair of axes is copied in tiles so that neither side thrashes.
 */
export function copyStrided(source: StridedArray, target: StridedArray, shape: Readonly<Triple>): void {
  const from = source.data
  const to = target.data
  const inner = axesByStride(target.strides)[2]
  // The source's fastest axis when it is another one, otherwise any: then the tiles only bound the loop.
  const fastest = axesByStride(source.strides)[2]
  const middle = fastest === inner ? axesByStride(target.strides)[1] : fastest
  const outer = 3 - inner - middle
  const [fromOuter, fromMiddle, fromInner] = [source.strides[outer]!, source.strides[middle]!, source.strides[inner]!]
  const [toOuter, toMiddle, toInner] = [target.strides[outer]!, target.strides[middle]!, target.strides[inner]!]
  const [outerSize, middleSize, innerSize] = [shape[outer]!, shape[middle]!, shape[inner]!]
  const tile = fastest === inner ? innerSize : TILE
  // Rows that lie alike on both sides are moved whole.
  const sameRows = fromInner === 1 && toInner === 1 && from.constructor === to.constructor && fastest === inner

  for (let o = 0; o < outerSize; o++) {
    for (let innerStart = 0; innerStart < innerSize; innerStart += tile) {
      const count = Math.min(tile, innerSize - innerStart)
      for (let m = 0; m < middleSize; m++) {
        let f = source.offset + o * fromOuter + m * fromMiddle + innerStart * fromInner
        let t = target.offset + o * toOuter + m * toMiddle + innerStart * toInner
        if (sameRows) {
          to.set(from.subarray(f, f + count), t)
          continue
        }
        for (let n = 0; n < count; n++) {
          to[t] = from[f]!
          f += fromInner
          t += toInner
        }
      }
    }
  }
}

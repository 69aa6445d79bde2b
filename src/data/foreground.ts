import { cutBox, type VoxelBox } from './crop.js'
import { DataError } from './errors.js'
import type { Triple } from './geometry.js'
import { axesByStride } from './strided-copy.js'
import { type Volume, validateVolume, volumeName } from './volume.js'

export interface ForegroundOptions {
  /** Voxels above this value are foreground. Default 0. */
  above?: number
  /** Voxels to keep around the foreground, per axis. Default none. */
  margin?: Readonly<Triple>
  /**
   * `monai` (default): from the first to the last voxel of the foreground, and the margin on both sides. `fvlm`: the
   * same without the last plane of each axis, as fVLM's code takes its upper bound as an exclusive end.
   */
  rule?: 'monai' | 'fvlm'
}

/**
 * The smallest box around the foreground, with its margin, inside the volume. Throws a DataError when no voxel is
 * foreground, or when the rule leaves none.
 */
export function foregroundBox(volume: Volume, options: ForegroundOptions = {}): VoxelBox {
  validateVolume(volume)
  const { above = 0, margin = [0, 0, 0], rule = 'monai' } = options
  const path = volumeName(volume)
  if (margin.length !== 3 || !margin.every((count) => Number.isSafeInteger(count) && count >= 0)) {
    throw new DataError(`a margin of (${margin.join(', ')}) voxels is not possible`, { path })
  }
  const { low, high } = bounds(volume, above)
  if (low[0] > high[0]) {
    throw new DataError(`no voxel is above ${above}`, {
      path,
      remedy: 'There is nothing to crop to; check the threshold',
    })
  }
  const exclusive = rule === 'monai' ? 1 : 0
  const first = low.map((index, axis) => Math.max(0, index - margin[axis]!)) as Triple
  const size = high.map((index, axis) => {
    return Math.min(volume.shape[axis]!, index + margin[axis]! + exclusive) - first[axis]!
  }) as Triple
  if (size.some((count) => count < 1)) {
    throw new DataError('the foreground is one voxel thin, and the rule drops its last plane', {
      path,
      remedy: "Give a margin, or take rule 'monai'",
    })
  }
  return { first, size }
}

/** Cuts a volume to its own foreground, or to that of another volume on its grid by `cutBox` and `foregroundBox`. */
export function cropForeground(volume: Volume, options: ForegroundOptions = {}): Volume {
  return cutBox(volume, foregroundBox(volume, options))
}

/** The first and last index of foreground along each axis; low above high where there is none. */
function bounds(volume: Volume, above: number): { low: Triple; high: Triple } {
  const { data, shape, strides, offset } = volume
  const [outer, middle, inner] = axesByStride(strides)
  const low: Triple = [...shape]
  const high: Triple = [-1, -1, -1]
  const reach = (axis: 0 | 1 | 2, index: number) => {
    if (index < low[axis]) low[axis] = index
    if (index > high[axis]) high[axis] = index
  }
  for (let o = 0; o < shape[outer]; o++) {
    for (let m = 0; m < shape[middle]; m++) {
      const line = offset + o * strides[outer] + m * strides[middle]
      let first = 0
      while (first < shape[inner] && !(data[line + first * strides[inner]]! > above)) first++
      if (first === shape[inner]) continue
      let last = shape[inner] - 1
      while (!(data[line + last * strides[inner]]! > above)) last--
      reach(inner, first)
      reach(inner, last)
      reach(middle, m)
      reach(outer, o)
    }
  }
  return { low, high }
}

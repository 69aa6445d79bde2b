import type { Volume } from '../volume.js'
import { fortranOrderStrides } from '../volume.js'
import { allocateVoxels } from '../voxels.js'
import type { SliceStack } from './stack.js'

/**
 * Slices at uneven places brought to the even grid of the stack, each voxel interpolated linearly between the slices
 * below and above it. float32, in the order of the file.
 */
export function resampleGaps(volume: Volume, { places, depth }: SliceStack): Volume {
  const [columns, rows] = volume.shape
  const pixels = columns * rows
  const data = allocateVoxels('float32', pixels * depth)
  let below = 0
  for (let slice = 0; slice < depth; slice++) {
    while (below + 2 < places.length && places[below + 1]! <= slice) below++
    const above = Math.min(below + 1, places.length - 1)
    const distance = places[above]! - places[below]!
    const weight = distance > 0 ? Math.min(Math.max((slice - places[below]!) / distance, 0), 1) : 0
    for (let n = 0; n < pixels; n++) {
      const value = volume.data[below * pixels + n]!
      data[slice * pixels + n] = value + (volume.data[above * pixels + n]! - value) * weight
    }
  }
  const shape: Volume['shape'] = [columns, rows, depth]
  return { ...volume, data, shape, strides: fortranOrderStrides(shape) }
}

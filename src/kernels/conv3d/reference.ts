/** Convolutions by their definition, in float64: every pair of a voxel and a tap. */
import type { ReferenceArray } from '../../engine/op.js'
import { sizeOf } from '../../engine/shape.js'
import { activationReference } from '../elementwise/activation.js'
import {
  type ConvolutionGeometry,
  type ConvolutionOptions,
  conv3dGeometry,
  type TransposeOptions,
  transposeGeometry,
} from './geometry.js'

/** Calls `visit` with the voxel indices (batch included) of every coarse voxel, tap, and fine voxel that meet. */
function forEachMeeting(
  { batch, fine, coarse, kernel, stride, paddingBefore, dilation }: ConvolutionGeometry,
  visit: (coarseVoxel: number, tap: number, fineVoxel: number) => void,
): void {
  const [taps, positions] = [grid(kernel), grid(coarse)]
  for (let n = 0; n < batch; n++) {
    for (const [p, position] of positions.entries()) {
      for (const [t, tap] of taps.entries()) {
        const at = position.map((o, axis) => o * stride[axis]! + tap[axis]! * dilation[axis]! - paddingBefore[axis]!)
        if (at.some((i, axis) => i < 0 || i >= fine[axis]!)) continue
        visit(n * positions.length + p, t, ((n * fine[0] + at[0]!) * fine[1] + at[1]!) * fine[2] + at[2]!)
      }
    }
  }
}

function grid([depth, height, width]: readonly number[]): number[][] {
  return Array.from({ length: depth! * height! * width! }, (_, i) => [
    Math.floor(i / (height! * width!)),
    Math.floor(i / width!) % height!,
    i % width!,
  ])
}

export function conv3dReference(
  [x, weight, bias]: readonly ReferenceArray[],
  options: ConvolutionOptions,
): ReferenceArray {
  const geometry = conv3dGeometry('conv3d', x!.shape, weight!.shape, options)
  const { batch, coarse, kernel, groups, fineChannels, coarseChannels } = geometry
  const shape = [batch, ...coarse, coarseChannels]
  const data = Float64Array.from({ length: sizeOf(shape) }, (_, i) => bias?.data[i % coarseChannels] ?? 0)
  const taps = sizeOf(kernel)
  const [groupIn, groupOut] = [fineChannels / groups, coarseChannels / groups]
  forEachMeeting(geometry, (coarseVoxel, tap, fineVoxel) => {
    for (let o = 0; o < coarseChannels; o++) {
      const first = Math.floor(o / groupOut) * groupIn
      for (let c = 0; c < groupIn; c++) {
        const factor = weight!.data[(o * taps + tap) * groupIn + c]!
        data[coarseVoxel * coarseChannels + o]! += x!.data[fineVoxel * fineChannels + first + c]! * factor
      }
    }
  })
  return activationReference({ data, shape }, options.activation)
}

export function convTranspose3dReference(
  [x, weight, bias]: readonly ReferenceArray[],
  options: TransposeOptions,
): ReferenceArray {
  const geometry = transposeGeometry('convTranspose3d', x!.shape, weight!.shape, options)
  const { batch, fine, kernel, groups, fineChannels, coarseChannels } = geometry
  const shape = [batch, ...fine, fineChannels]
  const data = Float64Array.from({ length: sizeOf(shape) }, (_, i) => bias?.data[i % fineChannels] ?? 0)
  const taps = sizeOf(kernel)
  const [groupIn, groupOut] = [coarseChannels / groups, fineChannels / groups]
  forEachMeeting(geometry, (coarseVoxel, tap, fineVoxel) => {
    for (let c = 0; c < coarseChannels; c++) {
      const first = Math.floor(c / groupIn) * groupOut
      for (let o = 0; o < groupOut; o++) {
        const factor = weight!.data[(c * taps + tap) * groupOut + o]!
        data[fineVoxel * fineChannels + first + o]! += x!.data[coarseVoxel * coarseChannels + c]! * factor
      }
    }
  })
  return { data, shape }
}

/** Convolutions and their gradients in float64, by visiting every product there is. */
import type { Triple } from '../../src/kernels/conv3d/index.js'

/** Windows of `fine`, one per voxel of `coarse`; `padding` is that before each axis. */
export interface Windowed {
  readonly batch: number
  readonly fine: Triple
  readonly coarse: Triple
  readonly kernel: Triple
  readonly stride: Triple
  readonly padding: Triple
  readonly dilation: Triple
  readonly groups: number
  readonly fineChannels: number
  readonly coarseChannels: number
}

/** Calls `visit` with the elements of coarse, weight and fine that are multiplied with each other. */
function forEachProduct(problem: Windowed, visit: (coarse: number, weight: number, fine: number) => void): void {
  const { batch, fine, coarse, kernel, stride, padding, dilation, groups, fineChannels, coarseChannels } = problem
  const [groupFine, groupCoarse] = [fineChannels / groups, coarseChannels / groups]
  forEachIndex([batch, ...coarse, ...kernel], ([n, d, h, w, kd, kh, kw]) => {
    const tap = [kd!, kh!, kw!]
    const at = [d!, h!, w!].map((o, axis) => o * stride[axis]! + tap[axis]! * dilation[axis]! - padding[axis]!)
    if (at.some((i, axis) => i < 0 || i >= fine[axis]!)) return
    const coarseVoxel = ((n! * coarse[0] + d!) * coarse[1] + h!) * coarse[2] + w!
    const fineVoxel = ((n! * fine[0] + at[0]!) * fine[1] + at[1]!) * fine[2] + at[2]!
    const tapIndex = (kd! * kernel[1] + kh!) * kernel[2] + kw!
    for (let a = 0; a < coarseChannels; a++) {
      const firstFine = Math.floor(a / groupCoarse) * groupFine
      for (let b = 0; b < groupFine; b++) {
        const weight = (a * kernel[0] * kernel[1] * kernel[2] + tapIndex) * groupFine + b
        visit(coarseVoxel * coarseChannels + a, weight, fineVoxel * fineChannels + firstFine + b)
      }
    }
  })
}

function forEachIndex(extents: readonly number[], visit: (index: readonly number[]) => void): void {
  const size = extents.reduce((a, b) => a * b, 1)
  for (let i = 0; i < size; i++) {
    const index: number[] = []
    for (let axis = extents.length - 1, rest = i; axis >= 0; axis--) {
      index.unshift(rest % extents[axis]!)
      rest = Math.floor(rest / extents[axis]!)
    }
    visit(index)
  }
}

/** A convolution, or its transpose, with bias, and the gradients of its inner product with `cotangent`. */
export function convolveWithGradients(
  problem: Windowed,
  made: 'coarse' | 'fine',
  { x, weight, bias, cotangent }: Readonly<Record<'x' | 'weight' | 'bias' | 'cotangent', Float64Array>>,
): Readonly<Record<'y' | 'dx' | 'dweight' | 'dbias', Float64Array>> {
  const channels = bias.length
  const y = cotangent.map((_, i) => bias[i % channels]!)
  const [dx, dweight, dbias] = [x.map(() => 0), weight.map(() => 0), bias.map(() => 0)]
  for (const [i, value] of cotangent.entries()) dbias[i % channels]! += value
  forEachProduct(problem, (coarse, w, fine) => {
    const [from, to] = made === 'coarse' ? [fine, coarse] : [coarse, fine]
    y[to]! += weight[w]! * x[from]!
    dx[from]! += weight[w]! * cotangent[to]!
    dweight[w]! += x[from]! * cotangent[to]!
  })
  return { y, dx, dweight, dbias }
}

import { dispatch } from '../../engine/dispatch.js'
import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { defineKernel } from '../../engine/kernel.js'
import { formatShape, sameShape } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import blendWgsl from './blend.wgsl'

interface BlendProblem {
  readonly count: number
  readonly channels: number
  readonly window: readonly [number, number, number]
  readonly size: readonly [number, number, number]
  readonly origin: number
}

const blendKernel = defineKernel<BlendProblem>({
  name: 'blend',
  variants: [
    {
      name: 'portable',
      wgsl: blendWgsl,
      parameters: (writer, { count, channels, window, size, origin }) =>
        void writer.u32(count).u32(channels).u32(window[1]).u32(window[2]).u32(size[1]).u32(size[2]).u32(origin),
      workgroups: ({ count }) => Math.ceil(count / 256),
    },
  ],
})

/** Where a window lies: the sample, and its first voxel. */
export interface WindowPlace {
  readonly sample: number
  readonly start: readonly [number, number, number]
}

/**
 * Adds `weights * values` of one window to sums, in place: `sums` `[N, H, W, D, C]`, `values` `[h, w, d, C]`, `weights`
 * `[h, w, d]`, all f32. No gradient.
 *
 * @throws ShapeError when the window does not lie in the sums, or the shapes do not fit; LimitError when the sums are
 * beyond the adapter's binding limit.
 */
export function blendWindow(sums: Tensor, values: Tensor, weights: Tensor, { sample, start }: WindowPlace): void {
  checkDType('blendWindow', ['f32'], sums, values, weights)
  const [samples, ...rest] = sums.shape as [number, ...number[]]
  const [size, channels] = [rest.slice(0, 3), rest[3]!]
  const window = values.shape.slice(0, 3)
  const inside = start.every((first, axis) => first >= 0 && first + window[axis]! <= size[axis]!)
  const fits = rest.length === 4 && sameShape(values.shape, [...window, channels]) && sameShape(weights.shape, window)
  if (!fits || !inside || sample < 0 || sample >= samples) {
    throw new ShapeError(
      `blendWindow: values ${formatShape(values.shape)} with weights ${formatShape(weights.shape)} from ` +
        `${formatShape(start)} of sample ${sample} do not lie in ${formatShape(sums.shape)}`,
    )
  }
  const { device } = sums
  device.recorder.enter('blendWindow', [sums, values, weights])
  device.recorder.timer?.enter('blendWindow', { flops: 2 * values.size, bytes: 12 * values.size })
  sums.storage.version++
  dispatch(device, {
    kernel: blendKernel,
    problem: {
      count: values.size,
      channels,
      window: window as [number, number, number],
      size: size as [number, number, number],
      origin: ((sample * size[0]! + start[0]) * size[1]! + start[1]) * size[2]! + start[2],
    },
    inputs: [weights, values],
    outputs: [sums],
  })
}

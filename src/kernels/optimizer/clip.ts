/** The norm over many tensors, and scaling by it, without reading anything back. */

import { dispatch } from '../../engine/dispatch.js'
import { checkDType } from '../../engine/dtype.js'
import { defineKernel } from '../../engine/kernel.js'
import { empty, type Tensor } from '../../engine/tensor.js'
import { elementWindows } from '../../engine/window.js'
import normWgsl from './norm.wgsl'
import scaleWgsl from './scale.wgsl'
import squareSumWgsl from './square-sum.wgsl'
import { updateInPlace, vectorGroups, vectorsOf } from './update.js'

/** Elements that one workgroup squares and adds up. */
const elementsPerPart = 16384

const squareSumKernel = defineKernel<{ readonly count: number; readonly offset: number }>({
  name: 'square sum',
  variants: [
    {
      name: 'portable',
      wgsl: squareSumWgsl,
      parameters: (writer, { count, offset }) => void writer.u32(count).u32(offset),
      workgroups: ({ count }) => Math.ceil(count / elementsPerPart),
    },
  ],
})

const normKernel = defineKernel<{ readonly count: number; readonly limit: number }>({
  name: 'global norm',
  variants: [
    {
      name: 'portable',
      wgsl: normWgsl,
      parameters: (writer, { count, limit }) => void writer.u32(count).f32(limit),
      workgroups: () => 1,
    },
  ],
})

export interface GlobalNorm {
  /** Square root of the sum of all squares: a scalar. */
  readonly norm: Tensor
  /** `min(1, limit / (norm + 1e-6))`: a scalar for {@link scaleByFactor}. */
  readonly factor: Tensor
}

/** The norm of all elements of at least one f32 tensor together, and the factor that brings it down to `limit`. */
export function globalNorm(tensors: readonly Tensor[], limit: number): GlobalNorm {
  const { device } = tensors[0]!
  const { maxBindingBytes } = device.capabilities
  checkDType('globalNorm', ['f32'], ...tensors)
  const size = tensors.reduce((sum, tensor) => sum + tensor.size, 0)
  device.recorder.enter('globalNorm', tensors)
  device.recorder.timer?.enter('globalNorm', { flops: 2 * size, bytes: 4 * size })
  const parts = tensors.flatMap((tensor) =>
    elementWindows(tensor.size, 4, maxBindingBytes).map(({ count, of }) => ({ value: of(tensor), count })),
  )
  const partials = empty(device, [parts.reduce((sum, { count }) => sum + Math.ceil(count / elementsPerPart), 0)])
  let offset = 0
  for (const { value, count } of parts) {
    dispatch(device, { kernel: squareSumKernel, problem: { count, offset }, inputs: [value], outputs: [partials] })
    offset += Math.ceil(count / elementsPerPart)
  }
  const norm = empty(device, [])
  const factor = empty(device, [])
  const problem = { count: partials.size, limit }
  dispatch(device, { kernel: normKernel, problem, inputs: [partials], outputs: [norm, factor] })
  partials.dispose()
  return { norm, factor }
}

const scaleKernel = defineKernel<{ readonly count: number }>({
  name: 'scale in place',
  variants: [
    {
      name: 'portable',
      wgsl: scaleWgsl,
      parameters: (writer, { count }) => void writer.u32(vectorsOf(count)),
      workgroups: vectorGroups,
    },
  ],
})

/** Multiplies f32 tensors in place by a scalar of the device. */
export function scaleByFactor(tensors: readonly Tensor[], factor: Tensor): void {
  for (const tensor of tensors) {
    updateInPlace({
      name: 'scaleByFactor',
      kernel: scaleKernel,
      problem: {},
      read: [],
      written: [tensor],
      scalars: [factor],
      flops: 1,
    })
  }
}

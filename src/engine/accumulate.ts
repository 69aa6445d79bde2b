/** How the tape adds gradients up: in f32, whatever the storage of the parts. */
import accumulateWgsl from './accumulate.wgsl'
import { dispatch } from './dispatch.js'
import { bytesPerElement, type DType } from './dtype.js'
import { defineKernel } from './kernel.js'
import { empty, type Tensor } from './tensor.js'
import { elementWindows } from './window.js'

interface AccumulateProblem {
  readonly count: number
  readonly value: DType
  readonly target: DType
  readonly add: boolean
}

const accumulateKernel = defineKernel<AccumulateProblem>({
  name: 'accumulate',
  variants: [
    {
      name: 'portable',
      wgsl: accumulateWgsl,
      specialize: ({ value, target, add }) => ({ types: { Value: value, Target: target }, constants: { ADD: add } }),
      parameters: (writer, { count }) => writer.u32(count),
      workgroups: ({ count }) => Math.ceil(count / 256),
    },
  ],
})

/** Adds `value` into `target`, which is f32. */
export function accumulate(target: Tensor, value: Tensor): void {
  target.storage.version++
  run(target, value, true)
}

/** A copy of a gradient with another storage type. */
export function castGradient(value: Tensor, dtype: DType): Tensor {
  const target = empty(value.device, value.shape, dtype)
  run(target, value, false)
  return target
}

function run(target: Tensor, value: Tensor, add: boolean): void {
  const { device } = value
  const widest = Math.max(bytesPerElement(value.dtype), bytesPerElement(target.dtype))
  for (const window of elementWindows(value.size, widest, device.capabilities.maxBindingBytes)) {
    dispatch(device, {
      kernel: accumulateKernel,
      problem: { count: window.count, value: value.dtype, target: target.dtype, add },
      inputs: [window.of(value)],
      outputs: [window.of(target)],
    })
  }
}

/** The norm over many tensors, and scaling by it, without reading anything back. */

import { dispatch } from '../../engine/dispatch.js'
import { checkDType } from '../../engine/dtype.js'
import { defineKernel, type TensorWindow } from '../../engine/kernel.js'
import { maxParameterBytes } from '../../engine/recorder.js'
import { empty, type Tensor } from '../../engine/tensor.js'
import { elementWindows } from '../../engine/window.js'
import normWgsl from './norm.wgsl'
import scaleWgsl from './scale.wgsl'
import squareSumWgsl from './square-sum.wgsl'
import { updateInPlace, vectorGroups, vectorsOf } from './update.js'

/** Elements that one workgroup squares and adds up. */
const elementsPerPart = 16384

/** A part of a tensor that fits in one binding. */
interface SquareSumPart {
  readonly count: number
  readonly value: Tensor | TensorWindow
}

interface SquareSumProblem {
  readonly parts: readonly SquareSumPart[]
  /** Where this dispatch's partial sums begin. */
  readonly offset: number
}

const groupsOf = ({ count }: SquareSumPart): number => Math.ceil(count / elementsPerPart)

const squareSumKernel = defineKernel<SquareSumProblem>({
  name: 'square sum',
  variants: [
    {
      name: 'portable',
      wgsl: squareSumWgsl,
      specialize: ({ parts }) => ({ code: squareSumCode(parts.length), constants: { PARTS: parts.length } }),
      key: ({ parts }) => `|${parts.length}`,
      parameters: (writer, { parts, offset }) => {
        let firstGroup = 0
        for (const part of parts) {
          writer.u32(firstGroup).u32(part.count).u32(offset).u32(0)
          firstGroup += groupsOf(part)
        }
      },
      workgroups: ({ parts }) => parts.reduce((sum, part) => sum + groupsOf(part), 0),
    },
  ],
})

/** Bindings of the tensors and of the partial sums behind them, and the sum of squares of one lane. */
function squareSumCode(parts: number): string {
  const all = Array.from({ length: parts }, (_, n) => n)
  const bindings = all.map((n) => `@group(0) @binding(${n}) var<storage, read> value${n}: array<f32>;`)
  const cases = all.map(
    (n) => `    case ${n}u: { for (var i = first; i < last; i += 256u) { sum += value${n}[i] * value${n}[i]; } }`,
  )
  return `${bindings.join('\n')}
@group(0) @binding(${parts}) var<storage, read_write> partials: array<f32>;
fn squares(part: u32, first: u32, last: u32) -> f32 {
  var sum = 0.0;
  switch part {
${cases.join('\n')}
    default: {}
  }
  return sum;
}`
}

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
  const { maxBindingBytes, maxStorageBuffersPerStage } = device.capabilities
  checkDType('globalNorm', ['f32'], ...tensors)
  const size = tensors.reduce((sum, tensor) => sum + tensor.size, 0)
  device.recorder.enter('globalNorm', tensors)
  device.recorder.timer?.enter('globalNorm', { flops: 2 * size, bytes: 4 * size })
  const parts = tensors.flatMap((tensor) =>
    elementWindows(tensor.size, 4, maxBindingBytes).map(({ count, of }) => ({ value: of(tensor), count })),
  )
  const partials = empty(device, [parts.reduce((sum, part) => sum + groupsOf(part), 0)])
  // One binding is the partial sums'; a record of 16 bytes for each tensor is in the parameters.
  const perDispatch = Math.min(maxStorageBuffersPerStage - 1, maxParameterBytes / 16)
  let offset = 0
  for (let n = 0; n < parts.length; n += perDispatch) {
    const own = parts.slice(n, n + perDispatch)
    const problem = { parts: own, offset }
    dispatch(device, { kernel: squareSumKernel, problem, inputs: own.map(({ value }) => value), outputs: [partials] })
    offset += own.reduce((sum, part) => sum + groupsOf(part), 0)
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

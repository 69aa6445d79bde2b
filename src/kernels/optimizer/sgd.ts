import { defineKernel } from '../../engine/kernel.js'
import type { Tensor } from '../../engine/tensor.js'
import sgdWgsl from './sgd.wgsl'
import { updateInPlace, vectorGroups, vectorsOf } from './update.js'

export interface SgdStep {
  /** Updated in place; f32, as everything here. */
  readonly parameter: Tensor
  readonly gradient: Tensor
  /** Multiplies the gradient; default 1. */
  readonly gradientScale?: number | undefined
  /** Momentum buffer, zeros before the first step; updated in place. Needed unless the momentum is 0. */
  readonly buffer?: Tensor | undefined
  readonly lr: number
  readonly momentum: number
  readonly dampening: number
  readonly nesterov: boolean
  readonly weightDecay: number
  /** Whether this is the buffer's first step, which is not dampened. */
  readonly isFirst: boolean
}

interface SgdProblem {
  readonly count: number
  readonly lr: number
  readonly momentum: number
  readonly blend: number
  readonly nesterov: boolean
  readonly weightDecay: number
  readonly gradientScale: number
}

/** WGSL of what is subtracted: the direction itself, or the momentum buffer's. */
function descentCode({ momentum, nesterov }: SgdProblem): string {
  if (momentum === 0) return 'fn descent(i: u32, direction: vec4<f32>) -> vec4<f32> { return direction; }'
  return `@group(0) @binding(2) var<storage, read_write> buffer: array<vec4<f32>>;
fn descent(i: u32, direction: vec4<f32>) -> vec4<f32> {
  let b = params.momentum * buffer[i] + params.blend * direction;
  buffer[i] = b;
  return ${nesterov ? 'direction + params.momentum * b' : 'b'};
}`
}

const sgdKernel = defineKernel<SgdProblem>({
  name: 'sgd',
  variants: [
    {
      name: 'portable',
      wgsl: sgdWgsl,
      specialize: (problem) => ({ code: descentCode(problem) }),
      key: ({ momentum, nesterov }) => `|${momentum !== 0}|${nesterov}`,
      parameters: (writer, { count, lr, weightDecay, momentum, blend, gradientScale }) =>
        void writer.u32(vectorsOf(count)).f32(lr).f32(weightDecay).f32(momentum).f32(blend).f32(gradientScale),
      workgroups: vectorGroups,
    },
  ],
})

/** One step of stochastic gradient descent of one parameter, in place, as PyTorch's SGD. */
export function sgdStep(options: SgdStep): void {
  const {
    parameter,
    gradient,
    buffer,
    lr,
    momentum,
    dampening,
    nesterov,
    weightDecay,
    isFirst,
    gradientScale = 1,
  } = options
  updateInPlace({
    name: 'sgd',
    kernel: sgdKernel,
    problem: { lr, momentum, nesterov, weightDecay, blend: isFirst ? 1 : 1 - dampening, gradientScale },
    read: [gradient],
    written: momentum === 0 ? [parameter] : [parameter, buffer!],
    flops: 7,
  })
}

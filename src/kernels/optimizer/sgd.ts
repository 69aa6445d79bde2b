import type { Tensor } from '../../engine/tensor.js'
import { defineBatchKernel, runBatch } from './batch.js'
import plainWgsl from './sgd.wgsl'
import momentumWgsl from './sgd-momentum.wgsl'
import nesterovWgsl from './sgd-nesterov.wgsl'

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

const numbers = ['lr', 'weightDecay', 'momentum', 'blend', 'gradientScale'] as const

const plainKernel = defineBatchKernel({
  ...{ name: 'sgd', read: ['gradient'], written: ['parameter'], numbers, wgsl: plainWgsl, flops: 5 },
})
const momentumKernel = defineBatchKernel({
  ...{ name: 'sgd momentum', read: ['gradient'], written: ['parameter', 'buffer'], numbers, wgsl: momentumWgsl },
  flops: 7,
})
const nesterovKernel = defineBatchKernel({
  ...{ name: 'sgd nesterov', read: ['gradient'], written: ['parameter', 'buffer'], numbers, wgsl: nesterovWgsl },
  flops: 9,
})

/** One step of stochastic gradient descent of some parameters of one optimizer, in place, as PyTorch's SGD. */
export function sgdSteps(steps: readonly SgdStep[]): void {
  const [first] = steps
  if (!first) return
  const kernel = first.momentum === 0 ? plainKernel : first.nesterov ? nesterovKernel : momentumKernel
  runBatch(
    kernel,
    steps.map(({ parameter, gradient, buffer, lr, weightDecay, momentum, dampening, isFirst, gradientScale = 1 }) => ({
      read: [gradient],
      written: momentum === 0 ? [parameter] : [parameter, buffer!],
      numbers: { lr, weightDecay, momentum, gradientScale, blend: isFirst ? 1 : 1 - dampening },
    })),
  )
}

import type { Tensor } from '../../engine/tensor.js'
import adamwWgsl from './adamw.wgsl'
import { defineBatchKernel, runBatch } from './batch.js'

export interface AdamWStep {
  /** Updated in place, as are the moments; all f32 of one shape. */
  readonly parameter: Tensor
  readonly gradient: Tensor
  /** Multiplies the gradient; default 1. */
  readonly gradientScale?: number | undefined
  /** Running mean of gradients, zeros before the first step. */
  readonly first: Tensor
  /** Running mean of squared gradients, zeros before the first step. */
  readonly second: Tensor
  readonly lr: number
  readonly betas: readonly [number, number]
  readonly eps: number
  readonly weightDecay: number
  /** Number of this step, from 1. */
  readonly step: number
}

const adamwKernel = defineBatchKernel({
  name: 'adamw',
  read: ['gradient'],
  written: ['parameter', 'first', 'second'],
  numbers: ['decay', 'blend1', 'beta2', 'blend2', 'rate', 'correction', 'epsilon', 'gradientScale'],
  wgsl: adamwWgsl,
  flops: 15,
})

/** One AdamW step of some parameters, in place: decoupled weight decay first, then PyTorch's update. */
export function adamwSteps(steps: readonly AdamWStep[]): void {
  runBatch(
    adamwKernel,
    steps.map(({ parameter, gradient, first, second, lr, betas, eps, weightDecay, step, gradientScale = 1 }) => {
      const [beta1, beta2] = betas
      const numbers = {
        ...{ decay: 1 - lr * weightDecay, blend1: 1 - beta1, beta2, blend2: 1 - beta2, epsilon: eps, gradientScale },
        rate: lr / (1 - beta1 ** step),
        correction: 1 / Math.sqrt(1 - beta2 ** step),
      }
      return { read: [gradient], written: [parameter, first, second], numbers }
    }),
  )
}

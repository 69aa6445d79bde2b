import { defineKernel } from '../../engine/kernel.js'
import type { Tensor } from '../../engine/tensor.js'
import adamwWgsl from './adamw.wgsl'
import { updateInPlace, vectorGroups, vectorsOf } from './update.js'

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

interface AdamWProblem {
  readonly count: number
  readonly decay: number
  readonly beta1: number
  readonly beta2: number
  readonly rate: number
  readonly correction: number
  readonly eps: number
  readonly gradientScale: number
}

const adamwKernel = defineKernel<AdamWProblem>({
  name: 'adamw',
  variants: [
    {
      name: 'portable',
      wgsl: adamwWgsl,
      parameters: (writer, { count, decay, beta1, beta2, rate, correction, eps, gradientScale }) =>
        void writer
          .u32(vectorsOf(count))
          .f32(decay)
          .f32(1 - beta1)
          .f32(beta2)
          .f32(1 - beta2)
          .f32(rate)
          .f32(correction)
          .f32(eps)
          .f32(gradientScale),
      workgroups: vectorGroups,
    },
  ],
})

/** One AdamW step of one parameter, in place: decoupled weight decay first, then PyTorch's update. */
export function adamwStep(options: AdamWStep): void {
  const { parameter, gradient, first, second, lr, betas, eps, weightDecay, step, gradientScale = 1 } = options
  const [beta1, beta2] = betas
  updateInPlace({
    name: 'adamw',
    kernel: adamwKernel,
    problem: {
      decay: 1 - lr * weightDecay,
      beta1,
      beta2,
      rate: lr / (1 - beta1 ** step),
      correction: 1 / Math.sqrt(1 - beta2 ** step),
      eps,
      gradientScale,
    },
    read: [gradient],
    written: [parameter, first, second],
    flops: 15,
  })
}

import { ValueError } from '../engine/index.js'
import { adamwSteps } from '../kernels/optimizer/index.js'
import { checkNumber, type OptimizedParameter, Optimizer, type ParameterGroups } from './optimizer.js'

export interface AdamWOptions {
  /** Default 1e-3. */
  readonly lr?: number | undefined
  /** Decay of the running means of gradients and of their squares; default [0.9, 0.999]. */
  readonly betas?: readonly [number, number] | undefined
  /** Added to the root of the second mean; default 1e-8. */
  readonly eps?: number | undefined
  /** Decoupled: parameters shrink by lr * weightDecay before each step. Default 0.01. */
  readonly weightDecay?: number | undefined
}

/** AdamW with PyTorch's defaults and arithmetic. Parameters are f32; their moments are made at their first step. */
export class AdamW extends Optimizer {
  readonly betas: readonly [number, number]
  readonly eps: number

  constructor(parameters: ParameterGroups, options: AdamWOptions = {}) {
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0.01 } = options
    super('AdamW', parameters, lr, weightDecay, ['m', 'v'])
    if (!betas.every((beta) => beta >= 0 && beta < 1)) {
      throw new ValueError(`AdamW: betas must be from 0 to below 1, got ${betas.join(' and ')}`)
    }
    this.betas = betas
    this.eps = checkNumber('AdamW', 'eps', eps)
  }

  protected override update(entries: readonly OptimizedParameter[], gradientScale: number): void {
    const { betas, eps } = this
    adamwSteps(
      entries.map(({ parameter, weightDecay, lrScale, steps, slots }) => ({
        ...{ parameter, gradient: parameter.grad!, first: slots.m!, second: slots.v! },
        ...{ lr: this.lr * lrScale, betas, eps, weightDecay, step: steps, gradientScale },
      })),
    )
  }
}

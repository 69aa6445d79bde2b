import { ValueError } from '../engine/index.js'
import { sgdSteps } from '../kernels/optimizer/index.js'
import { checkNumber, type OptimizedParameter, Optimizer, type ParameterGroups } from './optimizer.js'

export interface SgdOptions {
  /** Default 1e-3. */
  readonly lr?: number | undefined
  /** Default 0: no momentum buffers. */
  readonly momentum?: number | undefined
  /** Default 0. */
  readonly dampening?: number | undefined
  /** Looks ahead along the momentum, which must not be 0 then, nor dampened. Default false. */
  readonly nesterov?: boolean | undefined
  /** Added to the gradient as weightDecay * parameter; default 0. */
  readonly weightDecay?: number | undefined
}

/** Stochastic gradient descent with PyTorch's conventions. */
export class SGD extends Optimizer {
  readonly momentum: number
  readonly dampening: number
  readonly nesterov: boolean

  constructor(parameters: ParameterGroups, options: SgdOptions = {}) {
    const { lr = 1e-3, momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options
    super('SGD', parameters, lr, weightDecay, momentum === 0 ? [] : ['buffer'])
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new ValueError('SGD: Nesterov needs a momentum, and no dampening')
    }
    this.momentum = checkNumber('SGD', 'momentum', momentum)
    this.dampening = checkNumber('SGD', 'dampening', dampening)
    this.nesterov = nesterov
  }

  protected override update(entries: readonly OptimizedParameter[], gradientScale: number): void {
    const { momentum, dampening, nesterov } = this
    sgdSteps(
      entries.map(({ parameter, weightDecay, lrScale, steps, slots }) => ({
        ...{ parameter, gradient: parameter.grad!, buffer: slots.buffer, lr: this.lr * lrScale },
        ...{ momentum, dampening, nesterov, weightDecay, isFirst: steps === 1, gradientScale },
      })),
    )
  }
}

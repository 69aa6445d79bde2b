import { ValueError } from '../../engine/errors.js'
import { apply, applyAll } from '../../engine/op.js'
import type { Tensor } from '../../engine/tensor.js'
import { batchNormInferenceOp } from './inference.js'
import { batchNormTrainingOp } from './training.js'

export interface BatchNormOptions {
  /** `[C]` */
  readonly weight?: Tensor | undefined
  /** `[C]` */
  readonly bias?: Tensor | undefined
  /** `[C]`; needed unless training, and then together with the running variance. */
  readonly runningMean?: Tensor | undefined
  /** `[C]` */
  readonly runningVar?: Tensor | undefined
  /** Normalises by the batch's own statistics and updates the running ones. Default false. */
  readonly training?: boolean | undefined
  /** Share of the batch in the updated statistics. Default 0.1. */
  readonly momentum?: number | undefined
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number | undefined
}

export interface BatchNormResult {
  readonly y: Tensor
  /** In training new tensors without gradient, else those that were given. */
  readonly runningMean: Tensor | undefined
  readonly runningVar: Tensor | undefined
}

/**
 * `(x - mean) / sqrt(variance + eps) * weight + bias` for each channel of a channels-last float tensor `[N, ..., C]`.
 * In training mean and biased variance are the batch's, and the running statistics move towards its mean and unbiased
 * variance by `momentum`; otherwise they are the running ones. (Ioffe and Szegedy 2015; conventions as in PyTorch)
 *
 * @throws ShapeError in training with a single value per channel.
 * @throws ValueError without running statistics outside training.
 */
export function batchNorm(x: Tensor, options: BatchNormOptions): BatchNormResult {
  const { weight, bias, runningMean, runningVar, training = false, momentum = 0.1, eps = 1e-5 } = options
  if ((runningMean === undefined) !== (runningVar === undefined) || (!training && !runningMean)) {
    throw new ValueError('batchNorm: takes running mean and variance together, and cannot do without unless training')
  }
  const running = runningMean && runningVar ? [runningMean, runningVar] : []
  const inputs = [x, ...(weight ? [weight] : []), ...(bias ? [bias] : []), ...running]
  const present = { weight: weight !== undefined, bias: bias !== undefined, eps }
  if (!training) return { y: apply(batchNormInferenceOp, inputs, present), runningMean, runningVar }
  const [y, ...updated] = applyAll(batchNormTrainingOp, inputs, { ...present, running: running.length > 0, momentum })
  // Off the tape: a step's statistics must not keep the graph of the step before alive.
  const [newMean, newVar] = updated.map((value) => {
    const detached = value.detach()
    value.dispose()
    return detached
  })
  return { y: y!, runningMean: newMean, runningVar: newVar }
}

import { type Tensor, ValueError, zeros } from '../engine/index.js'
import { globalNorm, scaleByFactor } from '../kernels/optimizer/index.js'

/**
 * Scales the gradients of all parameters, in place, so that their common norm is at most `maxNorm`: by
 * min(1, maxNorm / (norm + 1e-6)), as PyTorch. Returns the norm before clipping, a scalar; nothing waits for it. An
 * infinite `maxNorm` only measures. Parameters without a gradient are passed over.
 */
export function clipGradNorm(parameters: readonly Tensor[], maxNorm: number): Tensor {
  if (!(maxNorm > 0)) throw new ValueError(`clipGradNorm: the largest norm must be positive, got ${maxNorm}`)
  if (parameters.length === 0) throw new ValueError('clipGradNorm: there are no parameters')
  const gradients = parameters.flatMap(({ grad }) => (grad ? [grad] : []))
  if (gradients.length === 0) return zeros(parameters[0]!.device, [])
  const measuring = maxNorm === Number.POSITIVE_INFINITY
  const { norm, factor } = globalNorm(gradients, measuring ? 0 : maxNorm)
  if (!measuring) scaleByFactor(gradients, factor)
  factor.dispose()
  return norm
}

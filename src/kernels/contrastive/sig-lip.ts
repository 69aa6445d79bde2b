import { apply } from '../../engine/op.js'
import { scope } from '../../engine/scope.js'
import type { Tensor } from '../../engine/tensor.js'
import { exp } from '../elementwise/index.js'
import { reshape } from '../layout/index.js'
import { contrastiveOp } from './contrastive.js'
import { defaultKeptLogitBytes } from './problem.js'
import { checkPair } from './similarity.js'

export interface SigLipOptions {
  /** Logarithm of what the similarities are multiplied by; a scalar. */
  readonly logScale: Tensor
  /** Added to every logit; a scalar. */
  readonly bias: Tensor
  /** Scales embeddings to length 1 first. Default true. */
  readonly normalize?: boolean | undefined
  /** For a part of a batch: text `i + offset` belongs to image `i`, and there are at least as many texts. */
  readonly offset?: number | undefined
  /** As for `infoNCE`. */
  readonly keptLogitBytes?: number | undefined
}

/**
 * Sigmoid loss of images `[N, D]` and texts `[N, D]`: every pair is a question of its own, with the logit
 * `image text' exp(logScale) + bias` and the answer yes for text `i` of image `i` only. Summed over all pairs, divided
 * by N. f32. Memory is linear in N, but for `keptLogitBytes`. (Zhai et al. 2023)
 *
 * @throws ShapeError when the embeddings do not fit.
 */
export function sigLip(image: Tensor, text: Tensor, options: SigLipOptions): Tensor {
  const { logScale, bias, normalize = true, offset, keptLogitBytes = defaultKeptLogitBytes } = options
  checkPair('sigLip', image, text, offset === undefined)
  return scope(() => {
    const inputs = [image, text, exp(logScale), bias]
    return apply(contrastiveOp, [...inputs.slice(0, 2), ...inputs.slice(2).map((x) => reshape(x!, []))] as Tensor[], {
      kind: 'diagonal',
      offset: offset ?? 0,
      inside: false,
      labelSmoothing: 0,
      symmetric: false,
      pairwise: true,
      weighted: false,
      normalize,
      keptLogitBytes,
    })
  })
}

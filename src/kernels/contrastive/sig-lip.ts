import { noGrad } from '../../engine/autograd.js'
import { scope } from '../../engine/scope.js'
import { type Tensor, tensor } from '../../engine/tensor.js'
import { add, cast, div, equal, exp, mul } from '../elementwise/index.js'
import { bceWithLogits } from '../losses/index.js'
import { matmul } from '../matmul/index.js'
import { checkPair, embeddings } from './similarity.js'

export interface SigLipOptions {
  /** Logarithm of what the similarities are multiplied by; a scalar. */
  readonly logScale: Tensor
  /** Added to every logit; a scalar. */
  readonly bias: Tensor
  /** Scales embeddings to length 1 first. Default true. */
  readonly normalize?: boolean | undefined
}

/** 1 on the diagonal of an `[n, n]` matrix. */
function identity(like: Tensor, n: number): Tensor {
  return noGrad(() => {
    const places = Int32Array.from({ length: n }, (_, i) => i)
    return cast(equal(tensor(like.device, places, [n, 1]), tensor(like.device, places)), 'f32')
  })
}

/**
 * Sigmoid loss of images `[N, D]` and texts `[N, D]`: every pair is a question of its own, with the logit
 * `image text' exp(logScale) + bias` and the answer yes for text `i` of image `i` only. Summed over all pairs, divided
 * by N. f32. (Zhai et al. 2023)
 *
 * @throws ShapeError when the embeddings do not fit.
 */
export function sigLip(image: Tensor, text: Tensor, { logScale, bias, normalize = true }: SigLipOptions): Tensor {
  checkPair('sigLip', image, text, true)
  return scope(() => {
    const similarity = matmul(embeddings(image, normalize), embeddings(text, normalize), { transposeB: true })
    const logits = add(mul(similarity, exp(logScale)), bias)
    const count = image.shape[0]!
    return div(bceWithLogits(logits, identity(image, count), { reduction: 'sum' }), count)
  })
}

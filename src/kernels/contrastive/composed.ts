/**
 * The contrastive loss put together from operations that store all logits: what the fused one is measured against, and
 * what it falls back to nowhere.
 */
import { scope } from '../../engine/scope.js'
import { type Tensor, tensor } from '../../engine/tensor.js'
import { add, div } from '../elementwise/index.js'
import { crossEntropy } from '../losses/index.js'
import { matmul } from '../matmul/index.js'
import { divideByTemperature, embeddings } from './similarity.js'

/**
 * Symmetric contrastive loss of images and texts `[N, D]` that belong together in order; the same value as `infoNCE`'s, with
 * several `[N, N]` tensors in memory.
 */
export function composedInfoNce(image: Tensor, text: Tensor, temperature: Tensor | number): Tensor {
  return scope(() => {
    const similarity = matmul(embeddings(image, true), embeddings(text, true), { transposeB: true })
    const logits = divideByTemperature(similarity, temperature)
    const own = tensor(
      image.device,
      Int32Array.from({ length: image.shape[0]! }, (_, i) => i),
    )
    return div(add(crossEntropy(logits, own, { axis: 1 }), crossEntropy(logits, own, { axis: 0 })), 2)
  })
}

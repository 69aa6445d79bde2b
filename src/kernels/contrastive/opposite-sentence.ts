import { noGrad } from '../../engine/autograd.js'
import { ShapeError } from '../../engine/errors.js'
import { scope } from '../../engine/scope.js'
import { formatShape, sameShape } from '../../engine/shape.js'
import { type Tensor, tensor } from '../../engine/tensor.js'
import { cast, div, greaterEqual, maximum, mul, sub } from '../elementwise/index.js'
import { reshape } from '../layout/index.js'
import { bceWithLogits } from '../losses/index.js'
import { matmul } from '../matmul/index.js'
import { sum } from '../reduce/index.js'
import { divideByTemperature, embeddings } from './similarity.js'

export interface OppositeSentenceOptions {
  /** What the similarities are divided by: a scalar tensor, which may be learned, or a number. */
  readonly temperature: Tensor | number
  /** Scales embeddings to length 1 first. Default true. */
  readonly normalize?: boolean | undefined
}

function checkShapes(image: Tensor, positive: Tensor, negative: Tensor, label: Tensor): void {
  const [count, width] = image.shape
  const fit =
    image.shape.length === 2 &&
    positive.shape.length === 3 &&
    positive.shape[0] === count &&
    positive.shape[2] === width &&
    sameShape(positive.shape, negative.shape) &&
    sameShape(label.shape, positive.shape.slice(0, 2))
  if (!fit) {
    const shapes = [image, positive, negative, label].map(({ shape }) => formatShape(shape))
    throw new ShapeError(
      `oppositeSentence: takes image [N, D], positive and negative [N, K, D] and label [N, K], got ${shapes.join(', ')}`,
    )
  }
}

/**
 * Two-way cross-entropy between K sentences and their negations for each image: embeddings `[N, D]` of images, `[N, K, D]`
 * of sentences and of negations, and i32 labels `[N, K]`: 1 where the sentence is true, 0 where its negation is, -1 where
 * the pair does not count. Mean over the pairs that count; 0 if none does. f32.
 * (Formula: `reference/colipri.md` 5.4, the Opposite Sentence Loss)
 *
 * @throws ShapeError when the shapes do not fit.
 */
export function oppositeSentence(
  image: Tensor,
  positive: Tensor,
  negative: Tensor,
  label: Tensor,
  { temperature, normalize = true }: OppositeSentenceOptions,
): Tensor {
  checkShapes(image, positive, negative, label)
  return scope(() => {
    const [count, width] = image.shape as [number, number]
    const images = reshape(embeddings(image, normalize), [count, width, 1])
    const difference = sub(embeddings(positive, normalize), embeddings(negative, normalize))
    // Of two logits only their difference matters: one product with the difference of the sentences.
    const margin = divideByTemperature(reshape(matmul(difference, images), label.shape), temperature)
    const [target, counts] = noGrad(() => {
      const zero = tensor(label.device, [0], [], { dtype: label.dtype })
      return [cast(label, 'f32'), cast(greaterEqual(label, zero), 'f32')] as const
    })
    const losses = mul(bceWithLogits(margin, target, { reduction: 'none' }), counts)
    return div(
      sum(losses),
      noGrad(() => maximum(sum(counts), tensor(label.device, 1))),
    )
  })
}

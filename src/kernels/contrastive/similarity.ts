import { ShapeError } from '../../engine/errors.js'
import { formatShape } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { cast, div, mul } from '../elementwise/index.js'
import { l2Normalize } from '../losses/index.js'

/** Embeddings as the losses take them: f32, whatever they are stored in, and of length 1 if asked for. */
export function embeddings(x: Tensor, normalize: boolean): Tensor {
  const wide = cast(x, 'f32')
  return normalize ? l2Normalize(wide) : wide
}

/** Throws unless image and text are matrices of embeddings of one length. */
export function checkPair(op: string, image: Tensor, text: Tensor, sameCount: boolean): void {
  const fit = image.shape.length === 2 && text.shape.length === 2 && image.shape[1] === text.shape[1]
  if (!fit || (sameCount && image.shape[0] !== text.shape[0])) {
    throw new ShapeError(
      `${op}: takes images [N, D] and texts [${sameCount ? 'N' : 'M'}, D], ` +
        `got ${formatShape(image.shape)} and ${formatShape(text.shape)}`,
    )
  }
}

/** Similarities by a temperature that is learned or fixed. */
export function divideByTemperature(similarity: Tensor, temperature: Tensor | number): Tensor {
  return typeof temperature === 'number' ? mul(similarity, 1 / temperature) : div(similarity, temperature)
}

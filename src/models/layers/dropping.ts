/** Dropout as a strategy: models name the places, callers say what happens there. */
import type { Generator, Tensor } from '../../engine/index.js'
import { type AttentionOptions, attention } from '../../kernels/attention/index.js'
import { dropout } from '../../kernels/random/index.js'

/** What happens at the places where a model was trained with dropout. Places have PyTorch's module names. */
export interface Dropping {
  /** Elements of `x`, kept or zeroed. May return `x` itself. */
  drop(place: string, x: Tensor): Tensor
  /** {@link attention} whose weights are kept or zeroed behind the softmax. */
  attend(place: string, query: Tensor, key: Tensor, value: Tensor, options: AttentionOptions): Tensor
}

/** Inference: everything is kept. */
export const keepEverything: Dropping = {
  drop: (_, x) => x,
  attend: (_, query, key, value, options) => attention(query, key, value, options),
}

/** Training: each place drops with the probability that `rate` gives it. */
export function dropAtRandom(generator: Generator, rate: (place: string) => number): Dropping {
  return {
    drop: (place, x) => dropout(x, { p: rate(place), generator }),
    attend: (place, query, key, value, options) =>
      attention(query, key, value, { ...options, dropout: { p: rate(place), generator } }),
  }
}

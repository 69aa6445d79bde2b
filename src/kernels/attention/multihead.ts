/** Attention with its projections, as PyTorch's MultiheadAttention packs them. */
import { ShapeError } from '../../engine/errors.js'
import { scope } from '../../engine/scope.js'
import { formatShape } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { reshape, slice } from '../layout/index.js'
import { linear } from '../matmul/index.js'
import { attention } from './attention.js'

export interface MultiheadAttentionOptions {
  /** `[3E, E]`: the rows of the query, key and value projections. */
  readonly inProjWeight: Tensor
  /** `[3E]` */
  readonly inProjBias?: Tensor | undefined
  /** `[E, E]` */
  readonly outProjWeight: Tensor
  /** `[E]` */
  readonly outProjBias?: Tensor | undefined
  readonly heads: number
  /** u32 `[B, Tk]`, not 0 where a key may be used. */
  readonly keyPaddingMask?: Tensor | undefined
}

/**
 * `query` `[B, Tq, E]` attends to `keyValue` `[B, Tk, E]`, which is both keys and values; gives `[B, Tq, E]`. The same as
 * `torch.nn.MultiheadAttention(batch_first=True)` without dropout.
 *
 * @throws ShapeError when E is not a multiple of `heads`, or a weight does not fit.
 */
export function multiheadAttention(query: Tensor, keyValue: Tensor, options: MultiheadAttentionOptions): Tensor {
  const { inProjWeight, inProjBias, outProjWeight, outProjBias, heads, keyPaddingMask } = options
  const features = query.shape.at(-1)!
  const [rows, columns] = inProjWeight.shape
  if (query.shape.length !== 3 || keyValue.shape.length !== 3 || features % heads !== 0) {
    throw new ShapeError(
      `multiheadAttention: query ${formatShape(query.shape)} and keyValue ${formatShape(keyValue.shape)} are not ` +
        `[B, T, E] with E a multiple of ${heads} heads`,
    )
  }
  if (rows !== 3 * features || columns !== features) {
    throw new ShapeError(
      `multiheadAttention: inProjWeight ${formatShape(inProjWeight.shape)} is not [3E, E] of query ${formatShape(query.shape)}`,
    )
  }
  return scope(() => {
    // Slicing the weights is cheaper than slicing what a packed projection gives.
    const project = (x: Tensor, part: number) => {
      const range = [part * features, (part + 1) * features, 1] as const
      const weight = slice(inProjWeight, [range])
      const bias = inProjBias && slice(inProjBias, [range])
      const [batch, tokens] = x.shape as [number, number]
      return reshape(linear(x, weight, { bias }), [batch, tokens, heads, features / heads])
    }
    const mixed = scope(() =>
      attention(project(query, 0), project(keyValue, 1), project(keyValue, 2), { keyPaddingMask }),
    )
    return linear(reshape(mixed, query.shape), outProjWeight, { bias: outProjBias })
  })
}

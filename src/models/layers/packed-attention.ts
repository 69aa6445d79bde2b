/** Multi-head attention whose query, key and value projections are the rows of one matrix, as PyTorch packs them. */
import { scope, type Tensor } from '../../engine/index.js'
import { reshape, slice } from '../../kernels/layout/index.js'
import { linear } from '../../kernels/matmul/index.js'
import type { Linear } from './basic.js'
import { type Dropping, keepEverything } from './dropping.js'
import type { Parameter } from './parameter.js'

export interface PackedAttentionParts {
  /** `[3E, E]`: rows of the query, key and value projections. */
  readonly weight: Parameter
  /** `[3E]` */
  readonly bias: Parameter
  readonly output: Linear
  readonly heads: number
  /** Name of the place where weights are dropped. */
  readonly place: string
}

export class PackedAttention {
  readonly #parts: PackedAttentionParts

  constructor(parts: PackedAttentionParts) {
    this.#parts = parts
  }

  /** `query` `[N, Tq, E]` attends to `keyValue` `[N, Tk, E]`; `bias` is added to the scores, see `attention`. */
  apply(query: Tensor, keyValue: Tensor, options: { bias?: Tensor | undefined; dropping?: Dropping } = {}): Tensor {
    const { weight, bias, output, heads, place } = this.#parts
    const { bias: scores, dropping = keepEverything } = options
    return scope(() => {
      const features = query.shape[2]!
      // Slicing the weights is cheaper than slicing what a packed projection gives.
      const project = (x: Tensor, part: number) => {
        const rows = [part * features, (part + 1) * features, 1] as const
        const projected = linear(x, slice(weight.value, [rows]), { bias: slice(bias.value, [rows]) })
        return reshape(projected, [x.shape[0]!, x.shape[1]!, heads, features / heads])
      }
      const mixed = scope(() =>
        dropping.attend(place, project(query, 0), project(keyValue, 1), project(keyValue, 2), { bias: scores }),
      )
      return output.apply(reshape(mixed, query.shape))
    })
  }
}

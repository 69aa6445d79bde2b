/** Pools a sequence into one vector: attention whose single query is the mean of the tokens. */
import { scope, type Tensor } from '../../engine/index.js'
import { multiheadAttention } from '../../kernels/attention/index.js'
import { add, cast, div, mul } from '../../kernels/elementwise/index.js'
import { concat, split } from '../../kernels/join/index.js'
import { reshape, slice } from '../../kernels/layout/index.js'
import { linear, matmul } from '../../kernels/matmul/index.js'
import { mean, sum } from '../../kernels/reduce/index.js'
import { softmax } from '../../kernels/softmax/index.js'
import { type Parameter, type ParameterScope, zerosInit } from './parameter.js'

export interface AttentionPoolerOptions {
  readonly features: number
  readonly heads: number
}

/** torch.nn.MultiheadAttention with packed input projections; no residual, norm or MLP. */
export class AttentionPooler {
  readonly #features: number
  readonly #heads: number
  readonly #inWeight: Parameter
  readonly #inBias: Parameter
  readonly #outWeight: Parameter
  readonly #outBias: Parameter

  constructor(attn: ParameterScope, { features, heads }: AttentionPoolerOptions) {
    this.#features = features
    this.#heads = heads
    this.#inWeight = attn.declare('in_proj_weight', {
      shape: [3 * features, features],
      // Xavier uniform of the packed matrix.
      initial: { kind: 'uniform', bound: Math.sqrt(6 / (4 * features)) },
    })
    this.#inBias = attn.declare('in_proj_bias', { shape: [3 * features], initial: zerosInit })
    const output = attn.at('out_proj')
    this.#outWeight = output.declare('weight', {
      shape: [features, features],
      initial: { kind: 'uniform', bound: 1 / Math.sqrt(features) },
    })
    this.#outBias = output.declare('bias', { shape: [features], initial: zerosInit })
  }

  /**
   * Tokens `[N, T, features]` to `[N, features]`. With a mask `[N, T]` (1 = token), padding enters neither the mean nor
   * the keys.
   */
  apply(tokens: Tensor, mask?: Tensor): Tensor {
    return scope(() => {
      const [n, , features] = tokens.shape as [number, number, number]
      const query = mask ? maskedMean(tokens, mask) : mean(tokens, { axes: 1, keepDims: true })
      const pooled = multiheadAttention(query, tokens, {
        inProjWeight: this.#inWeight.value,
        inProjBias: this.#inBias.value,
        outProjWeight: this.#outWeight.value,
        outProjBias: this.#outBias.value,
        heads: this.#heads,
        keyPaddingMask: mask,
      })
      return reshape(pooled, [n, features])
    })
  }

  /**
   * The same for tokens in several parts `[N, T, features]`, as if these were one sequence; gives f32. No tensor of all
   * tokens is made, so that the parts may together be larger than a binding, and no key or value of any token: with one
   * query, a head's key projection can be taken over to the query (its bias is the same for all tokens and drops out of
   * the softmax) and its value projection behind the weighted sum.
   */
  applyParts(parts: readonly Tensor[]): Tensor {
    return scope(() => {
      const [n, , features] = parts[0]!.shape as [number, number, number]
      const [heads, headDim] = [this.#heads, features / this.#heads]
      const sizes = parts.map(({ shape }) => shape[1]!)
      const total = sizes.reduce((sum, size) => sum + size, 0)
      const means = parts.map((part, i) => mul(cast(mean(part, { axes: 1, keepDims: true }), 'f32'), sizes[i]! / total))
      const { weight: queryWeight, bias: queryBias } = this.#projection(0)
      const query = reshape(linear(addAll(means), queryWeight, { bias: queryBias }), [n, heads, 1, headDim])
      const asked = matmul(query, reshape(this.#projection(1).weight, [heads, headDim, features]))
      const scores = parts.map((part) => {
        const products = scope(() =>
          matmul(reshape(asked, [n, heads, features]), cast(part, 'f32'), { transposeB: true }),
        )
        return mul(products, 1 / Math.sqrt(headDim))
      })
      const weights = split(softmax(concat(scores, 2), { axis: -1 }), sizes, 2)
      const sums = parts.map((part, i) => scope(() => matmul(weights[i]!, cast(part, 'f32'))))
      const { weight: valueWeight, bias: valueBias } = this.#projection(2)
      const values = matmul(
        reshape(valueWeight, [heads, headDim, features]),
        reshape(addAll(sums), [n, heads, features, 1]),
      )
      const mixed = add(reshape(values, [n, features]), valueBias)
      return linear(mixed, cast(this.#outWeight.value, 'f32'), { bias: cast(this.#outBias.value, 'f32') })
    })
  }

  /** The rows of the packed projection for the query (0), the keys (1) or the values (2), in f32. */
  #projection(part: 0 | 1 | 2): { readonly weight: Tensor; readonly bias: Tensor } {
    const rows = [part * this.#features, (part + 1) * this.#features, 1] as const
    const weight = slice(this.#inWeight.value, [rows, [0, this.#features, 1]])
    return { weight: cast(weight, 'f32'), bias: cast(slice(this.#inBias.value, [rows]), 'f32') }
  }

  /**
   * What each token alone would pool to: its value projection, then the output projection. Puts dense features into the
   * space of the pooled ones.
   */
  dense(tokens: Tensor): Tensor {
    return scope(() => {
      const features = this.#features
      const weight = slice(this.#inWeight.value, [
        [2 * features, 3 * features, 1],
        [0, features, 1],
      ])
      const bias = slice(this.#inBias.value, [[2 * features, 3 * features, 1]])
      return linear(linear(tokens, weight, { bias }), this.#outWeight.value, { bias: this.#outBias.value })
    })
  }
}

const addAll = (terms: readonly Tensor[]): Tensor => terms.reduce((sum, term) => add(sum, term))

function maskedMean(tokens: Tensor, mask: Tensor): Tensor {
  const [n, t] = mask.shape as [number, number]
  const weights = cast(reshape(mask, [n, t, 1]), tokens.dtype)
  return div(sum(mul(tokens, weights), { axes: 1, keepDims: true }), sum(weights, { axes: 1, keepDims: true }))
}

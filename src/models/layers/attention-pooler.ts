/** Pools a sequence into one vector: attention whose single query is the mean of the tokens. */
import { scope, type Tensor } from '../../engine/index.js'
import { multiheadAttention } from '../../kernels/attention/index.js'
import { cast, div, mul } from '../../kernels/elementwise/index.js'
import { reshape, slice } from '../../kernels/layout/index.js'
import { linear } from '../../kernels/matmul/index.js'
import { mean, sum } from '../../kernels/reduce/index.js'
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

function maskedMean(tokens: Tensor, mask: Tensor): Tensor {
  const [n, t] = mask.shape as [number, number]
  const weights = cast(reshape(mask, [n, t, 1]), tokens.dtype)
  return div(sum(mul(tokens, weights), { axes: 1, keepDims: true }), sum(weights, { axes: 1, keepDims: true }))
}

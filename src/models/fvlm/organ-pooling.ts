/** Pools the tokens of an anatomy, at all depths together, into one vector per anatomy. */
import { ShapeError, scope, type Tensor, tensor } from '../../engine/index.js'
import { concat } from '../../kernels/join/index.js'
import { expand, reshape, slice } from '../../kernels/layout/index.js'
import { l2Normalize } from '../../kernels/losses/index.js'
import { Linear } from '../layers/basic.js'
import { type Dropping, keepEverything } from '../layers/dropping.js'
import { PackedAttention } from '../layers/packed-attention.js'
import { fanInUniform, type Parameter, type ParameterScope, zerosInit } from '../layers/parameter.js'
import type { FvlmConfig } from './config.js'

/** Added to the scores of tokens of other anatomies: their weights become exactly 0. Finite, so that no NaN can arise. */
const otherTokens = -3e4

export interface PooledOrgans {
  /** `[N, anatomies, features]` */
  readonly pooled: Tensor
  /** For each anatomy asked for `[N, projection]`: apart, so that those without a loss leave no gradient anywhere. */
  readonly projected: readonly Tensor[]
  /** The same of length 1. */
  readonly unit: readonly Tensor[]
}

export interface OrganPoolingOptions {
  /** Places of the anatomies to project. Default all. */
  readonly only?: readonly number[] | undefined
  readonly dropping?: Dropping | undefined
}

export class OrganPooling {
  readonly queries: Parameter
  readonly #attention: PackedAttention
  readonly #projections: readonly Linear[]

  constructor(model: ParameterScope, { anatomies, vision, poolingHeads, projectionFeatures }: FvlmConfig) {
    const { features } = vision
    const attention = model.at('attention')
    this.queries = model.declare('query_tokens', { shape: [anatomies.length, features], initial: zerosInit })
    this.#attention = new PackedAttention({
      // Xavier uniform of the packed matrix.
      weight: attention.declare('in_proj_weight', {
        shape: [3 * features, features],
        initial: { kind: 'uniform', bound: Math.sqrt(6 / (4 * features)) },
      }),
      bias: attention.declare('in_proj_bias', { shape: [3 * features], initial: zerosInit }),
      output: new Linear(attention.at('out_proj'), { inFeatures: features, outFeatures: features }),
      heads: poolingHeads,
      place: 'attention',
    })
    const projection = { inFeatures: features, outFeatures: projectionFeatures, biasInitial: fanInUniform(features) }
    this.#projections = anatomies.map((_, i) => new Linear(model.at('vision_projs').at(i), projection))
  }

  /**
   * Levels `[N, T, features]` and flags `[N, anatomies, T]` (1 = token of the anatomy), row-major. What an anatomy
   * without tokens gets is meaningless.
   */
  apply(levels: readonly Tensor[], selected: Uint8Array, options: OrganPoolingOptions = {}): PooledOrgans {
    const [n, t, features] = levels[0]!.shape as [number, number, number]
    const anatomies = this.#projections.length
    const { only = this.#projections.map((_, i) => i), dropping = keepEverything } = options
    if (selected.length !== n * anatomies * t) {
      throw new ShapeError(
        `fvlm: ${selected.length} flags do not select among ${n} x ${t} tokens for ${anatomies} anatomies`,
      )
    }
    return scope(() => {
      const keys = concat(levels, 1)
      const bias = tensor(keys.device, keyBias(selected, t, levels.length), [n, 1, anatomies, levels.length * t])
      const queries = expand(reshape(this.queries.value, [1, anatomies, features]), [n, anatomies, features])
      const pooled = this.#attention.apply(queries, keys, { bias, dropping })
      const projected = only.map((i) => {
        const own = reshape(
          slice(pooled, [
            [0, n],
            [i, i + 1],
          ]),
          [n, features],
        )
        return this.#projections[i]!.apply(own)
      })
      return { pooled, projected, unit: projected.map((vectors) => l2Normalize(vectors, { axis: 1 })) }
    })
  }
}

/** The bias of the scores: the same flags for each level. */
function keyBias(selected: Uint8Array, tokens: number, levels: number): Float32Array {
  const bias = new Float32Array(selected.length * levels)
  for (let i = 0; i < selected.length; i++) {
    if (selected[i] !== 0) continue
    const first = Math.floor(i / tokens) * tokens * levels + (i % tokens)
    for (let level = 0; level < levels; level++) bias[first + level * tokens] = otherTokens
  }
  return bias
}

/** BERT's encoder (Devlin et al. 2019) with Hugging Face's parameter names; no pooler, no heads. Post-norm, erf gelu. */
import { scope, type Tensor } from '../../engine/index.js'
import { add } from '../../kernels/elementwise/index.js'
import { embedding } from '../../kernels/embedding/index.js'
import { reshape, slice } from '../../kernels/layout/index.js'
import { LayerNorm, Linear } from './basic.js'
import { type Dropping, keepEverything } from './dropping.js'
import type { Initializer, Parameter, ParameterScope } from './parameter.js'
import { sequence } from './sequence.js'

export interface BertOptions {
  readonly vocabulary: number
  readonly features: number
  readonly layers: number
  readonly heads: number
  readonly hiddenFeatures: number
  readonly positions: number
  /** 0 for models that add no token types. */
  readonly tokenTypes: number
}

const normEps = 1e-12
const initial: Initializer = { kind: 'normal', std: 0.02 }

class BertLayer {
  readonly #heads: number
  readonly #place: (name: string) => string
  readonly #query: Linear
  readonly #key: Linear
  readonly #value: Linear
  readonly #attentionOutput: Linear
  readonly #attentionNorm: LayerNorm
  readonly #up: Linear
  readonly #down: Linear
  readonly #outputNorm: LayerNorm

  constructor(layer: ParameterScope, { features, heads, hiddenFeatures }: BertOptions) {
    const square = { inFeatures: features, outFeatures: features, initial }
    const attn = layer.at('attention')
    this.#heads = heads
    this.#place = (name) => layer.pathOf(name)
    this.#query = new Linear(attn.at('self').at('query'), square)
    this.#key = new Linear(attn.at('self').at('key'), square)
    this.#value = new Linear(attn.at('self').at('value'), square)
    this.#attentionOutput = new Linear(attn.at('output').at('dense'), square)
    this.#attentionNorm = new LayerNorm(attn.at('output').at('LayerNorm'), features, normEps)
    this.#up = new Linear(layer.at('intermediate').at('dense'), {
      inFeatures: features,
      outFeatures: hiddenFeatures,
      initial,
    })
    this.#down = new Linear(layer.at('output').at('dense'), {
      inFeatures: hiddenFeatures,
      outFeatures: features,
      initial,
    })
    this.#outputNorm = new LayerNorm(layer.at('output').at('LayerNorm'), features, normEps)
  }

  apply(x: Tensor, mask: Tensor, dropping: Dropping): Tensor {
    return scope(() => {
      const [n, t, features] = x.shape as [number, number, number]
      const split = (layer: Linear) => reshape(layer.apply(x), [n, t, this.#heads, features / this.#heads])
      const [query, key, value] = [split(this.#query), split(this.#key), split(this.#value)]
      const place = this.#place('attention.self.dropout')
      const mixed = reshape(dropping.attend(place, query, key, value, { keyPaddingMask: mask }), [n, t, features])
      const y = this.#attentionNorm.apply(this.#addTo(x, this.#attentionOutput, mixed, 'attention.output', dropping))
      const hidden = this.#up.apply(y, { activation: 'gelu' })
      return this.#outputNorm.apply(this.#addTo(y, this.#down, hidden, 'output', dropping))
    })
  }

  /** `residual` plus a layer's output, in one pass where nothing of the output is dropped. */
  #addTo(residual: Tensor, layer: Linear, x: Tensor, place: string, dropping: Dropping): Tensor {
    if (dropping === keepEverything) return layer.apply(x, { residual })
    return scope(() => add(dropping.drop(this.#place(`${place}.dropout`), layer.apply(x)), residual))
  }
}

export class BertEncoder {
  readonly options: BertOptions
  readonly #words: Parameter
  readonly #positions: Parameter
  readonly #types: Parameter | undefined
  readonly #norm: LayerNorm
  readonly #place: string
  readonly #layers: readonly BertLayer[]

  constructor(bert: ParameterScope, options: BertOptions) {
    const { vocabulary, features, positions, tokenTypes, layers } = options
    const embeddings = bert.at('embeddings')
    this.options = options
    this.#place = embeddings.pathOf('dropout')
    this.#words = embeddings.declare('word_embeddings.weight', { shape: [vocabulary, features], initial })
    this.#positions = embeddings.declare('position_embeddings.weight', { shape: [positions, features], initial })
    if (tokenTypes > 0) {
      this.#types = embeddings.declare('token_type_embeddings.weight', { shape: [tokenTypes, features], initial })
    }
    this.#norm = new LayerNorm(embeddings.at('LayerNorm'), features, normEps)
    this.#layers = Array.from({ length: layers }, (_, i) => new BertLayer(bert.at('encoder.layer').at(i), options))
  }

  /** Ids `[N, T]` i32 to normalised embeddings `[N, T, features]`; all of token type 0. */
  embed(ids: Tensor): Tensor {
    return scope(() => {
      const [, t] = ids.shape as [number, number]
      const everyFeature = [0, this.options.features, 1] as const
      const positions = slice(this.#positions.value, [[0, t, 1], everyFeature])
      const shift = this.#types ? add(positions, slice(this.#types.value, [[0, 1, 1], everyFeature])) : positions
      return this.#norm.apply(add(embedding(ids, this.#words.value), shift))
    })
  }

  /** Ids `[N, T]` i32 and mask `[N, T]` (1 = token) to the last hidden state `[N, T, features]`. */
  apply(ids: Tensor, mask: Tensor, dropping: Dropping = keepEverything): Tensor {
    return scope(() => {
      const embedded = dropping.drop(this.#place, this.embed(ids))
      const steps = this.#layers.map((layer) => (x: Tensor) => layer.apply(x, mask, dropping))
      return sequence(embedded, steps)
    })
  }
}

/**
 * Report generation (reference §5.2): a causal transformer that reads the projected image tokens. Depth, width and layout
 * of the published model's are unknown; these are ours: pre-norm, self-attention, cross-attention, GELU, tied output.
 */
import { scope, type Tensor, ValueError } from '../../engine/index.js'
import { attention } from '../../kernels/attention/index.js'
import { add } from '../../kernels/elementwise/index.js'
import { embedding } from '../../kernels/embedding/index.js'
import { concat } from '../../kernels/join/index.js'
import { reshape, slice } from '../../kernels/layout/index.js'
import { crossEntropy } from '../../kernels/losses/index.js'
import { linear } from '../../kernels/matmul/index.js'
import { LayerNorm, Linear } from '../layers/basic.js'
import { type Initializer, type Parameter, type ParameterScope, zerosInit } from '../layers/parameter.js'
import { sequence } from '../layers/sequence.js'

export interface ReportDecoderOptions {
  readonly vocabulary: number
  /** Of tokens, texts' and images' alike. */
  readonly features: number
  readonly layers: number
  readonly heads: number
  readonly hiddenFeatures: number
  /** Most tokens of a text. */
  readonly positions: number
}

/** Keys and values `[N, T, heads, head features]` of one layer. */
export interface KeysValues {
  readonly keys: Tensor
  readonly values: Tensor
}

/** What a layer remembers: of the image, and of the text so far (undefined before the first token). */
export interface LayerMemory {
  readonly image: KeysValues
  readonly text: KeysValues | undefined
}

const initial: Initializer = { kind: 'normal', std: 0.02 }
const normEps = 1e-5

class DecoderLayer {
  readonly #heads: number
  readonly #norms: readonly [LayerNorm, LayerNorm, LayerNorm]
  readonly #query: Linear
  readonly #key: Linear
  readonly #value: Linear
  readonly #output: Linear
  readonly #imageQuery: Linear
  readonly #imageKey: Linear
  readonly #imageValue: Linear
  readonly #imageOutput: Linear
  readonly #up: Linear
  readonly #down: Linear

  constructor(layer: ParameterScope, { features, heads, hiddenFeatures, layers }: ReportDecoderOptions) {
    const square = { inFeatures: features, outFeatures: features, initial }
    // Three branches a layer add to the stream: their last projections start smaller, as GPT-2's do.
    const last: Initializer = { kind: 'normal', std: 0.02 / Math.sqrt(3 * layers) }
    const [self, cross, mlp] = [layer.at('self_attn'), layer.at('cross_attn'), layer.at('mlp')]
    this.#heads = heads
    this.#norms = [
      new LayerNorm(layer.at('norm1'), features, normEps),
      new LayerNorm(layer.at('norm2'), features, normEps),
      new LayerNorm(layer.at('norm3'), features, normEps),
    ]
    this.#query = new Linear(self.at('q_proj'), square)
    this.#key = new Linear(self.at('k_proj'), square)
    this.#value = new Linear(self.at('v_proj'), square)
    this.#output = new Linear(self.at('out_proj'), { ...square, initial: last })
    this.#imageQuery = new Linear(cross.at('q_proj'), square)
    this.#imageKey = new Linear(cross.at('k_proj'), square)
    this.#imageValue = new Linear(cross.at('v_proj'), square)
    this.#imageOutput = new Linear(cross.at('out_proj'), { ...square, initial: last })
    this.#up = new Linear(mlp.at('fc1'), { ...square, outFeatures: hiddenFeatures })
    this.#down = new Linear(mlp.at('fc2'), { inFeatures: hiddenFeatures, outFeatures: features, initial: last })
  }

  /** Keys and values of image tokens `[N, S, features]`. */
  readImage(image: Tensor): KeysValues {
    return { keys: this.#split(this.#imageKey, image), values: this.#split(this.#imageValue, image) }
  }

  /**
   * New tokens `[N, T, features]` behind those that `memory` has, and the keys and values of all. Several new tokens at
   * once are taken only where the memory has no text.
   */
  apply(x: Tensor, { image, text }: LayerMemory): readonly [tokens: Tensor, text: KeysValues] {
    const [norm1, norm2, norm3] = this.#norms
    const normed = norm1.apply(x)
    const own = { keys: this.#split(this.#key, normed), values: this.#split(this.#value, normed) }
    const all = text ? joined(text, own) : own
    const seen = attention(this.#split(this.#query, normed), all.keys, all.values, { causal: !text })
    const y = this.#output.apply(reshape(seen, x.shape), { residual: x })
    const looked = attention(this.#split(this.#imageQuery, norm2.apply(y)), image.keys, image.values)
    const z = this.#imageOutput.apply(reshape(looked, x.shape), { residual: y })
    return [this.#down.apply(this.#up.apply(norm3.apply(z), { activation: 'gelu' }), { residual: z }), all]
  }

  #split(layer: Linear, x: Tensor): Tensor {
    const [n, t, features] = x.shape as [number, number, number]
    return reshape(layer.apply(x), [n, t, this.#heads, features / this.#heads])
  }
}

const joined = (before: KeysValues, after: KeysValues): KeysValues => ({
  keys: concat([before.keys, after.keys], 1),
  values: concat([before.values, after.values], 1),
})

export class ReportDecoder {
  readonly options: ReportDecoderOptions
  readonly #words: Parameter
  readonly #positions: Parameter
  readonly #layers: readonly DecoderLayer[]
  readonly #norm: LayerNorm
  readonly #bias: Parameter

  /** Throws a {@link ValueError} when the heads do not divide the features. */
  constructor(decoder: ParameterScope, options: ReportDecoderOptions) {
    const { vocabulary, features, positions, layers, heads } = options
    if (features % heads !== 0) throw new ValueError(`ReportDecoder: ${heads} heads do not divide ${features} features`)
    this.options = options
    this.#words = decoder.declare('word_embeddings.weight', { shape: [vocabulary, features], initial })
    this.#positions = decoder.declare('position_embeddings.weight', { shape: [positions, features], initial })
    this.#layers = Array.from({ length: layers }, (_, i) => new DecoderLayer(decoder.at('layers').at(i), options))
    this.#norm = new LayerNorm(decoder.at('norm'), features, normEps)
    this.#bias = decoder.declare('output.bias', { shape: [vocabulary], initial: zerosInit })
  }

  /** What the layers know before the first token: image tokens `[N, S, features]`. */
  readImage(image: Tensor): LayerMemory[] {
    return this.#layers.map((layer) => ({ image: layer.readImage(image), text: undefined }))
  }

  /**
   * Logits `[N, T, vocabulary]` of the token behind each of `ids` `[N, T]` i32, teacher-forced: token t sees the image and
   * the tokens 0 to t.
   */
  logits(ids: Tensor, image: Tensor): Tensor {
    return scope(() => {
      const layers = this.#layers.map((layer) => (x: Tensor) => {
        return scope(() => layer.apply(x, { image: layer.readImage(image), text: undefined })[0])
      })
      return this.#predict(sequence(this.#embed(ids, 0), layers))
    })
  }

  /**
   * Logits `[N, vocabulary]` behind the one new token of `ids` `[N, 1]`, and the memory that includes it. `position` counts
   * the tokens before it.
   */
  next(
    ids: Tensor,
    memory: readonly LayerMemory[],
    position: number,
  ): { readonly logits: Tensor; readonly text: readonly KeysValues[] } {
    return scope(() => {
      let x = this.#embed(ids, position)
      const text = this.#layers.map((layer, i) => {
        const [tokens, all] = layer.apply(x, memory[i]!)
        x = tokens
        return all
      })
      return { logits: reshape(this.#predict(x), [ids.shape[0]!, this.options.vocabulary]), text }
    })
  }

  #embed(ids: Tensor, first: number): Tensor {
    const { positions, features } = this.options
    const count = ids.shape[1]!
    if (first + count > positions) {
      throw new ValueError(`ReportDecoder: ${first + count} tokens, and positions for ${positions}`)
    }
    const places = slice(this.#positions.value, [
      [first, first + count, 1],
      [0, features, 1],
    ])
    return add(embedding(ids, this.#words.value), places)
  }

  #predict(x: Tensor): Tensor {
    return linear(this.#norm.apply(x), this.#words.value, { bias: this.#bias.value })
  }
}

/**
 * Teacher-forced cross-entropy: every token of `ids` `[N, T]` i32 but the first is to be told from those before it and the
 * image tokens `[N, S, features]`. `targets` `[N, T - 1]` i32 are the ids from the second on, -100 for padding.
 */
export function reportLoss(decoder: ReportDecoder, image: Tensor, ids: Tensor, targets: Tensor): Tensor {
  const [n, t] = ids.shape as [number, number]
  return scope(() => {
    const given = slice(ids, [
      [0, n, 1],
      [0, t - 1, 1],
    ])
    return crossEntropy(decoder.logits(given, image), targets)
  })
}

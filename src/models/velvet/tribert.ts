/**
 * TriBERT, the text tower of VELVET-Med (reference §1.3): BERT layers whose sentence tokens see their own sentence only,
 * and further layers that also attend to a volume. Names are those of the authors' checkpoints.
 */
import { type Generator, scope, type Tensor, tensor, ValueError } from '../../engine/index.js'
import { attention } from '../../kernels/attention/index.js'
import { add, gelu } from '../../kernels/elementwise/index.js'
import { embedding } from '../../kernels/embedding/index.js'
import { reshape, slice } from '../../kernels/layout/index.js'
import { dropout } from '../../kernels/random/index.js'
import { LayerNorm, Linear } from '../layers/basic.js'
import { fanInUniform, type Initializer, type Parameter, type ParameterScope } from '../layers/parameter.js'
import type { TriBertConfig } from './config.js'
import { paddingMask, type SentenceMaskOptions, type SentenceRows, sentenceMask } from './sentence-mask.js'

const normEps = 1e-12
/** Upstream never calls BERT's own initialisation, so embeddings start as PyTorch's. */
const unitNormal: Initializer = { kind: 'normal', std: 1 }

/** Token rows of texts; the arrays stay on the host, because the masks are made there. */
export interface TextRows extends SentenceRows {
  readonly ids: ArrayLike<number>
}

/** Random zeros while training; none when left out. */
export interface Dropout {
  readonly p: number
  readonly generator: Generator
}

const linear = (parameters: ParameterScope, inFeatures: number, outFeatures: number): Linear =>
  new Linear(parameters, { inFeatures, outFeatures, biasInitial: fanInUniform(inFeatures) })

const drop = (x: Tensor, options: Dropout | undefined): Tensor => (options ? dropout(x, options) : x)

/** Attention, its output projection, the residual and the norm behind it. */
class AttentionStep {
  readonly #heads: number
  readonly #query: Linear
  readonly #key: Linear
  readonly #value: Linear
  readonly #output: Linear
  readonly #norm: LayerNorm

  constructor(parameters: ParameterScope, { features, heads }: TriBertConfig) {
    const self = parameters.at('self')
    const output = parameters.at('output')
    this.#heads = heads
    this.#query = linear(self.at('query'), features, features)
    this.#key = linear(self.at('key'), features, features)
    this.#value = linear(self.at('value'), features, features)
    this.#output = linear(output.at('dense'), features, features)
    this.#norm = new LayerNorm(output.at('LayerNorm'), features, normEps)
  }

  apply(x: Tensor, keys: Tensor, bias: Tensor | undefined, dropped: Dropout | undefined): Tensor {
    return scope(() => {
      const [n, , features] = x.shape as [number, number, number]
      const split = (layer: Linear, of: Tensor): Tensor =>
        reshape(layer.apply(of), [n, of.shape[1]!, this.#heads, features / this.#heads])
      const mixed = attention(split(this.#query, x), split(this.#key, keys), split(this.#value, keys), {
        bias,
        dropout: dropped,
      })
      const projected = drop(this.#output.apply(reshape(mixed, x.shape)), dropped)
      return this.#norm.apply(add(projected, x))
    })
  }
}

class TriBertLayer {
  readonly #self: AttentionStep
  readonly #cross: AttentionStep | undefined
  readonly #up: Linear
  readonly #down: Linear
  readonly #norm: LayerNorm

  constructor(layer: ParameterScope, config: TriBertConfig, fuses: boolean) {
    const { features, hiddenFeatures } = config
    this.#self = new AttentionStep(layer.at('attention'), config)
    if (fuses) this.#cross = new AttentionStep(layer.at('crossattention'), config)
    this.#up = linear(layer.at('intermediate.dense'), features, hiddenFeatures)
    this.#down = linear(layer.at('output.dense'), hiddenFeatures, features)
    this.#norm = new LayerNorm(layer.at('output.LayerNorm'), features, normEps)
  }

  apply(x: Tensor, mask: Tensor, vision: Tensor | undefined, dropped: Dropout | undefined): Tensor {
    return scope(() => {
      const own = this.#self.apply(x, x, mask, dropped)
      const fused = this.#cross && vision ? this.#cross.apply(own, vision, undefined, dropped) : own
      const fed = scope(() => drop(this.#down.apply(gelu(this.#up.apply(fused))), dropped))
      return this.#norm.apply(add(fed, fused))
    })
  }
}

export interface TriBertOptions extends SentenceMaskOptions {
  readonly dropout?: Dropout | undefined
}

export class TriBert {
  readonly config: TriBertConfig
  readonly #words: Parameter
  readonly #positions: Parameter
  readonly #types: Parameter
  readonly #norm: LayerNorm
  readonly #layers: readonly TriBertLayer[]

  constructor(bert: ParameterScope, config: TriBertConfig) {
    const { vocabulary, features, positions, tokenTypes, textLayers, fusionLayers } = config
    const embeddings = bert.at('embeddings')
    const table = (name: string, rows: number): Parameter =>
      embeddings.declare(name, { shape: [rows, features], initial: unitNormal })
    this.config = config
    this.#words = table('word_embeddings.weight', vocabulary)
    this.#positions = table('position_embeddings.weight', positions)
    this.#types = table('token_type_embeddings.weight', tokenTypes)
    this.#norm = new LayerNorm(embeddings.at('LayerNorm'), features, normEps)
    this.#layers = Array.from(
      { length: textLayers + fusionLayers },
      (_, i) => new TriBertLayer(bert.at('encoder.layer').at(i), config, i >= textLayers),
    )
  }

  /** Added to attention scores, `[N, 1, T, T]`: what the sentence tokens and padding hide. Sentence-free without sentences. */
  mask(rows: SentenceRows, options: SentenceMaskOptions = {}): Tensor {
    const [n, t] = rows.shape
    const allowed = this.config.firstSentenceId === undefined ? paddingMask(rows) : sentenceMask(rows, options)
    // Far below every score, yet finite after any scaling: a row that sees nothing stays a mean instead of NaN.
    const hidden = -1e30
    return tensor(
      this.#words.value.device,
      Float32Array.from(allowed, (see) => (see ? 0 : hidden)),
      [n, 1, t, t],
    )
  }

  /** Embedded tokens `[N, T, features]`. Rows of padding get no gradient. Throws a ValueError for too long texts. */
  embed({ shape: [n, t], ids, types }: TextRows, { dropout: dropped }: TriBertOptions = {}): Tensor {
    const { positions, features } = this.config
    if (t > positions) throw new ValueError(`TriBert: ${t} tokens are more than the ${positions} positions`)
    return scope(() => {
      const device = this.#words.value.device
      const rows = (values: ArrayLike<number>, table: Parameter): Tensor =>
        embedding(tensor(device, values, [n, t], { dtype: 'i32' }), table.value, { paddingIdx: 0 })
      const places = slice(this.#positions.value, [
        [0, t, 1],
        [0, features, 1],
      ])
      const sum = add(add(rows(ids, this.#words), rows(types, this.#types)), places)
      return drop(this.#norm.apply(sum), dropped)
    })
  }

  /** Text mode: the embedded tokens and the states behind every text layer, `[N, T, features]` each. */
  text(rows: TextRows, options: TriBertOptions = {}): Tensor[] {
    return scope(() => {
      const mask = this.mask(rows, options)
      return this.#run(this.embed(rows, options), mask, [0, this.config.textLayers], undefined, options)
    })
  }

  /** Match mode: states of the text layers through the fusion layers; every state, the given one first. */
  match(states: Tensor, mask: Tensor, vision: Tensor, options: TriBertOptions = {}): Tensor[] {
    return scope(() => this.#run(states, mask, [this.config.textLayers, this.#layers.length], vision, options))
  }

  /** Fusion mode: tokens through all layers. `vision` `[N, regions, features]`. */
  fusion(rows: TextRows, vision: Tensor, options: TriBertOptions = {}): Tensor[] {
    return scope(() => {
      const mask = this.mask(rows, options)
      return this.#run(this.embed(rows, options), mask, [0, this.#layers.length], vision, options)
    })
  }

  #run(
    from: Tensor,
    mask: Tensor,
    [first, end]: readonly [number, number],
    vision: Tensor | undefined,
    { dropout: dropped }: TriBertOptions,
  ): Tensor[] {
    const states = [from]
    for (const layer of this.#layers.slice(first, end)) {
      states.push(layer.apply(states.at(-1)!, mask, vision, dropped))
    }
    return states
  }
}

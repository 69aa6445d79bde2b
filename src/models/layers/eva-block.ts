/** The transformer block of EVA-02 as timm has it (pre-norm, 3D rotary positions, inner norms, SwiGLU, layer scale). */
import { scope, type Tensor } from '../../engine/index.js'
import { attention } from '../../kernels/attention/index.js'
import { reshape } from '../../kernels/layout/index.js'
import { LayerNorm, Linear, type LinearEpilogue } from './basic.js'
import type { Initializer, Parameter, ParameterScope } from './parameter.js'

/** torch.nn.LayerNorm's default, which Primus uses throughout (timm's own default is 1e-6). */
const normEps = 1e-5

const weightInitial: Initializer = { kind: 'truncatedNormal', std: 0.02 }

export interface EvaBlockOptions {
  readonly features: number
  readonly heads: number
  readonly hiddenFeatures: number
  /** Start of the layer scale. */
  readonly layerScale: number
  /** From 1: output projections of deeper blocks start smaller, by the square root of twice the depth. */
  readonly depth: number
}

export class EvaBlock {
  readonly #heads: number
  readonly #norm1: LayerNorm
  readonly #query: Linear
  readonly #key: Linear
  readonly #value: Linear
  readonly #attentionNorm: LayerNorm
  readonly #projection: Linear
  readonly #scale1: Parameter
  readonly #norm2: LayerNorm
  readonly #gate: Linear
  readonly #up: Linear
  readonly #hiddenNorm: LayerNorm
  readonly #down: Linear
  readonly #scale2: Parameter

  constructor(block: ParameterScope, { features, heads, hiddenFeatures, layerScale, depth }: EvaBlockOptions) {
    const square = { inFeatures: features, outFeatures: features, initial: weightInitial }
    const widen = { inFeatures: features, outFeatures: hiddenFeatures, initial: weightInitial }
    const output: Initializer = { kind: 'truncatedNormal', std: 0.02 / Math.sqrt(2 * depth) }
    const scale = { shape: [features], initial: { kind: 'constant', value: layerScale } } as const
    const attn = block.at('attn')
    const mlp = block.at('mlp')
    this.#heads = heads
    this.#norm1 = new LayerNorm(block.at('norm1'), features, normEps)
    this.#query = new Linear(attn.at('q_proj'), square)
    this.#key = new Linear(attn.at('k_proj'), { ...square, bias: false })
    this.#value = new Linear(attn.at('v_proj'), square)
    this.#attentionNorm = new LayerNorm(attn.at('norm'), features, normEps)
    this.#projection = new Linear(attn.at('proj'), { ...square, initial: output })
    this.#scale1 = block.declare('gamma_1', scale)
    this.#norm2 = new LayerNorm(block.at('norm2'), features, normEps)
    this.#gate = new Linear(mlp.at('fc1_g'), widen)
    this.#up = new Linear(mlp.at('fc1_x'), widen)
    this.#hiddenNorm = new LayerNorm(mlp.at('norm'), hiddenFeatures, normEps)
    this.#down = new Linear(mlp.at('fc2'), { inFeatures: hiddenFeatures, outFeatures: features, initial: output })
    this.#scale2 = block.declare('gamma_2', scale)
  }

  /** Tokens `[N, T, features]`; `ropeTable` `[T, 2 * head features]`, or one for each sample, as `ropeTable3d` makes it. */
  apply(tokens: Tensor, ropeTable: Tensor): Tensor {
    return scope(() => {
      const x = scope(() =>
        this.#attend(this.#norm1.apply(tokens), ropeTable, { scale: this.#scale1.value, residual: tokens }),
      )
      return this.#feedForward(this.#norm2.apply(x), { scale: this.#scale2.value, residual: x })
    })
  }

  #attend(x: Tensor, ropeTable: Tensor, epilogue: LinearEpilogue): Tensor {
    const [n, t, features] = x.shape as [number, number, number]
    const split = (layer: Linear) => reshape(layer.apply(x), [n, t, this.#heads, features / this.#heads])
    const [query, key, value] = [split(this.#query), split(this.#key), split(this.#value)]
    const mixed = reshape(attention(query, key, value, { rope: ropeTable }), [n, t, features])
    return this.#projection.apply(this.#attentionNorm.apply(mixed), epilogue)
  }

  #feedForward(x: Tensor, epilogue: LinearEpilogue): Tensor {
    const hidden = scope(() => this.#gate.apply(x, { activation: 'silu', multiply: this.#up.apply(x) }))
    return this.#down.apply(this.#hiddenNorm.apply(hidden), epilogue)
  }
}

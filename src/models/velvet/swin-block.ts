/** The block of a 3D Swin transformer as MONAI has it: windowed attention and an MLP, pre-norm (reference §1.1). */
import { scope, type Tensor } from '../../engine/index.js'
import { attention } from '../../kernels/attention/index.js'
import { add, gelu } from '../../kernels/elementwise/index.js'
import { embedding } from '../../kernels/embedding/index.js'
import { indexSelect } from '../../kernels/gather/index.js'
import { split } from '../../kernels/join/index.js'
import { permute, reshape } from '../../kernels/layout/index.js'
import { LayerNorm, Linear } from '../layers/basic.js'
import { fanInUniform, type Parameter, type ParameterScope } from '../layers/parameter.js'
import type { WindowTables } from './window-tables.js'
import { relativePositions } from './windows.js'

const normEps = 1e-5

export interface SwinBlockOptions {
  readonly features: number
  readonly heads: number
  readonly window: number
  readonly mlpRatio: number
}

const linear = (parameters: ParameterScope, inFeatures: number, outFeatures: number): Linear =>
  new Linear(parameters, { inFeatures, outFeatures, biasInitial: fanInUniform(inFeatures) })

export class SwinBlock {
  readonly #heads: number
  readonly #norm1: LayerNorm
  readonly #biasTable: Parameter
  readonly #qkv: Linear
  readonly #projection: Linear
  readonly #norm2: LayerNorm
  readonly #up: Linear
  readonly #down: Linear

  constructor(block: ParameterScope, { features, heads, window, mlpRatio }: SwinBlockOptions) {
    const hidden = Math.floor(features * mlpRatio)
    const attn = block.at('attn')
    this.#heads = heads
    this.#norm1 = new LayerNorm(block.at('norm1'), features, normEps)
    this.#biasTable = attn.declare('relative_position_bias_table', {
      shape: [relativePositions(window), heads],
      initial: { kind: 'truncatedNormal', std: 0.02 },
    })
    this.#qkv = linear(attn.at('qkv'), features, 3 * features)
    this.#projection = linear(attn.at('proj'), features, features)
    this.#norm2 = new LayerNorm(block.at('norm2'), features, normEps)
    this.#up = linear(block.at('mlp').at('linear1'), features, hidden)
    this.#down = linear(block.at('mlp').at('linear2'), hidden, features)
  }

  /** Tokens `[N, voxels, features]` of the grid that the tables are for. */
  apply(tokens: Tensor, tables: WindowTables): Tensor {
    return scope(() => {
      const x = add(tokens, this.attend(tokens, tables))
      return add(
        x,
        scope(() => this.#down.apply(gelu(this.#up.apply(this.#norm2.apply(x))))),
      )
    })
  }

  /** The attention branch alone, before the residual. */
  attend(tokens: Tensor, { plan, source, target, regions, relative }: WindowTables): Tensor {
    return scope(() => {
      const [batch, , features] = tokens.shape as [number, number, number]
      const { windows, tokensPerWindow } = plan
      const perHead = [batch * windows, tokensPerWindow, this.#heads, features / this.#heads]
      // Rows of padding come out as zeros behind the norm, so their keys and values are the biases of qkv, as upstream.
      const cut = scope(() => indexSelect(this.#norm1.apply(tokens), source, { axis: 1, inverse: target }))
      const rows = reshape(cut, [batch * windows, tokensPerWindow, features])
      const [query, key, value] = split(this.#qkv.apply(rows), 3, 2).map((part) => reshape(part, perHead))
      const table = reshape(embedding(relative, this.#biasTable.value), [tokensPerWindow, tokensPerWindow, this.#heads])
      const bias = permute(table, [2, 0, 1])
      const mixed = attention(query!, key!, value!, { bias, segments: regions })
      const projected = this.#projection.apply(reshape(mixed, [batch, windows * tokensPerWindow, features]))
      return indexSelect(projected, target, { axis: 1, inverse: source })
    })
  }
}

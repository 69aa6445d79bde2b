/** fVLM's image tower: a 3D ViT without class token that gives its tokens at several depths. */
import { checkpoint, ShapeError, scope, type Tensor } from '../../engine/index.js'
import { formatShape } from '../../engine/shape.js'
import { add, gelu } from '../../kernels/elementwise/index.js'
import { reshape } from '../../kernels/layout/index.js'
import { resize3d } from '../../kernels/resize3d/index.js'
import { LayerNorm, Linear, PatchEmbedding, type Triple } from '../layers/basic.js'
import { type Dropping, keepEverything } from '../layers/dropping.js'
import { PackedAttention } from '../layers/packed-attention.js'
import { fanInUniform, type Initializer, type Parameter, type ParameterScope, zerosInit } from '../layers/parameter.js'
import type { FvlmConfig } from './config.js'

const normEps = 1e-5
const initial: Initializer = { kind: 'truncatedNormal', std: 0.02 }

class Block {
  readonly #place: (name: string) => string
  readonly #norm1: LayerNorm
  readonly #attention: PackedAttention
  readonly #norm2: LayerNorm
  readonly #up: Linear
  readonly #down: Linear

  constructor(block: ParameterScope, { features, heads, hiddenFeatures }: FvlmConfig['vision']) {
    const attn = block.at('attn')
    const packed = attn.at('qkv')
    this.#place = (name) => block.pathOf(name)
    this.#norm1 = new LayerNorm(block.at('norm1'), features, normEps)
    this.#attention = new PackedAttention({
      weight: packed.declare('weight', { shape: [3 * features, features], initial }),
      bias: packed.declare('bias', { shape: [3 * features], initial: zerosInit }),
      output: new Linear(attn.at('out_proj'), { inFeatures: features, outFeatures: features, initial }),
      heads,
      place: attn.pathOf('drop_weights'),
    })
    this.#norm2 = new LayerNorm(block.at('norm2'), features, normEps)
    const mlp = block.at('mlp')
    this.#up = new Linear(mlp.at('linear1'), { inFeatures: features, outFeatures: hiddenFeatures, initial })
    this.#down = new Linear(mlp.at('linear2'), { inFeatures: hiddenFeatures, outFeatures: features, initial })
  }

  apply(tokens: Tensor, dropping: Dropping): Tensor {
    const drop = (name: string, x: Tensor) => dropping.drop(this.#place(name), x)
    return scope(() => {
      const attended = scope(() => {
        const normed = this.#norm1.apply(tokens)
        return drop('attn.drop_output', this.#attention.apply(normed, normed, { dropping }))
      })
      const x = add(tokens, attended)
      const hidden = scope(() => drop('mlp.drop1', gelu(this.#up.apply(this.#norm2.apply(x)))))
      return add(x, drop('mlp.drop2', this.#down.apply(hidden)))
    })
  }
}

export interface TokenLevels {
  /** Tokens `[N, T, features]` behind each tapped block, not normalised, then those behind the final norm. */
  readonly levels: readonly Tensor[]
  /** Patches along D, H, W; T is their product and W runs fastest. */
  readonly grid: Triple
}

export class VisionEncoder {
  readonly blocks: readonly Block[]
  /** Whether blocks compute their activations again in the backward pass instead of storing them. */
  checkpointing = false
  readonly positions: Parameter
  readonly #config: FvlmConfig['vision']
  readonly #patches: PatchEmbedding
  readonly #norm: LayerNorm
  readonly #place: string

  constructor(encoder: ParameterScope, { vision }: FvlmConfig) {
    const { features, depth, patch, trainingGrid } = vision
    const embedding = encoder.at('patch_embedding')
    const start = fanInUniform(patch[0] * patch[1] * patch[2])
    this.#config = vision
    this.#place = embedding.pathOf('dropout')
    this.positions = embedding.declare('position_embeddings', { shape: [1, tokensOf(trainingGrid), features], initial })
    this.#patches = new PatchEmbedding(embedding.at('patch_embeddings'), {
      channels: 1,
      features,
      patch,
      initial: start,
      biasInitial: start,
    })
    this.blocks = Array.from({ length: depth }, (_, i) => new Block(encoder.at('blocks').at(i), vision))
    this.#norm = new LayerNorm(encoder.at('norm'), features, normEps)
  }

  /** Throws {@link ShapeError} unless `[N, D, H, W, 1]` is cut into whole patches. */
  gridOf(shape: readonly number[]): Triple {
    const { patch } = this.#config
    const extents = shape.slice(1, 4)
    if (shape.length !== 5 || shape[4] !== 1 || extents.some((extent, axis) => extent % patch[axis]! !== 0)) {
      throw new ShapeError(
        `fvlm: takes volumes [N, D, H, W, 1] whose sides are multiples of ${patch.join(' x ')}, got ${formatShape(shape)}`,
      )
    }
    return extents.map((extent, axis) => extent / patch[axis]!) as unknown as Triple
  }

  /** Volume `[N, D, H, W, 1]` to patches with their positions, `[N, T, features]`. */
  embed(volume: Tensor): Tensor {
    return scope(() => add(this.#patches.apply(volume), this.#positionsFor(this.gridOf(volume.shape))))
  }

  /** The position table; any other grid than that of training gets it resized, also one of as many tokens. */
  #positionsFor(grid: Triple): Tensor {
    const { trainingGrid, features } = this.#config
    const table = this.positions.value
    if (grid.every((extent, axis) => extent === trainingGrid[axis])) return table
    const resized = resize3d(reshape(table, [1, ...trainingGrid, features]), grid, { mode: 'trilinear' })
    return reshape(resized, [1, tokensOf(grid), features])
  }

  /** Volume `[N, D, H, W, 1]`, preprocessed, to its tokens at every depth that is pooled. */
  encode(volume: Tensor, dropping: Dropping = keepEverything): TokenLevels {
    const { taps } = this.#config
    return scope(() => {
      const levels: Tensor[] = []
      let tokens = dropping.drop(this.#place, this.embed(volume))
      for (const [i, block] of this.blocks.entries()) {
        const step = (x: Tensor): Tensor => block.apply(x, dropping)
        const next = this.checkpointing ? checkpoint(step, tokens) : step(tokens)
        if (!levels.includes(tokens)) tokens.dispose()
        tokens = next
        if (taps.includes(i)) levels.push(tokens)
      }
      return { levels: [...levels, this.#norm.apply(tokens)], grid: this.gridOf(volume.shape) }
    })
  }
}

export const tokensOf = ([depth, height, width]: Triple): number => depth * height * width

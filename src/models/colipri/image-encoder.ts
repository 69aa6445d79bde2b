/** COLIPRI's image tower: Primus-M, a 1x1x1 projector and an attention pooler. */
import { checkpoint, ShapeError, scope, type Tensor } from '../../engine/index.js'
import { formatShape } from '../../engine/shape.js'
import { reshape } from '../../kernels/layout/index.js'
import { linear } from '../../kernels/matmul/index.js'
import { ropeTable3d } from '../../kernels/rope3d/index.js'
import { AttentionPooler } from '../layers/attention-pooler.js'
import { LayerNorm, PatchEmbedding, type Triple } from '../layers/basic.js'
import { EvaBlock } from '../layers/eva-block.js'
import { fanInUniform, type Parameter, type ParameterScope, zerosInit } from '../layers/parameter.js'
import { sequence } from '../layers/sequence.js'
import type { ColipriConfig } from './config.js'
import { stitchWindows, type WindowStarts } from './windows.js'

/** Tokens `[N, T, features]` in row-major order of a grid of patches. */
export interface TokenGrid {
  readonly tokens: Tensor
  readonly grid: Triple
}

export class ImageEncoder {
  readonly blocks: readonly EvaBlock[]
  /** Whether blocks compute their activations again in the backward pass instead of storing them. */
  checkpointing = false
  readonly pooler: AttentionPooler
  readonly #config: ColipriConfig['image']
  readonly #patches: PatchEmbedding
  readonly #norm: LayerNorm
  readonly #projectorWeight: Parameter
  readonly #projectorBias: Parameter

  constructor(encoder: ParameterScope, config: ColipriConfig) {
    const { features, depth, heads, mlpRatio, layerScale, patch, poolerHeads } = config.image
    const backbone = encoder.at('backbone')
    this.#config = config.image
    // In the published file, used only while pre-training with masked images.
    backbone.declare('mask_token', { shape: [1, 1, features], initial: zerosInit, trainable: false })
    this.#patches = new PatchEmbedding(backbone.at('down_projection').at('proj'), { channels: 1, features, patch })
    const eva = backbone.at('eva')
    this.blocks = Array.from(
      { length: depth },
      (_, i) =>
        new EvaBlock(eva.at('blocks').at(i), {
          features,
          heads,
          hiddenFeatures: Math.floor(features * mlpRatio),
          layerScale,
          depth: i + 1,
        }),
    )
    this.#norm = new LayerNorm(eva.at('norm'), features, 1e-5)
    const projector = encoder.at('projector')
    this.#projectorWeight = projector.declare('weight', {
      shape: [config.projectionFeatures, features, 1, 1, 1],
      initial: fanInUniform(features),
    })
    this.#projectorBias = projector.declare('bias', { shape: [config.projectionFeatures], initial: zerosInit })
    this.pooler = new AttentionPooler(encoder.at('pooler').at('attn'), {
      features: config.projectionFeatures,
      heads: poolerHeads,
    })
  }

  /** Volume `[N, D, H, W, 1]` to embedded patches, before any block. */
  embedPatches(volume: Tensor): TokenGrid {
    return { tokens: this.#patches.apply(volume), grid: this.gridOf(volume.shape) }
  }

  /** The grid of patches of a volume `[N, D, H, W, 1]`. Throws {@link ShapeError} when it does not divide evenly. */
  gridOf(shape: readonly number[]): Triple {
    const { patch } = this.#config
    const extents = shape.slice(1, 4)
    if (shape.length !== 5 || shape[4] !== 1 || extents.some((extent, axis) => extent % patch[axis]! !== 0)) {
      throw new ShapeError(
        `colipri: takes volumes [N, D, H, W, 1] whose sides are multiples of ${patch.join(' x ')}, got ${formatShape(shape)}`,
      )
    }
    return extents.map((extent, axis) => extent / patch[axis]!) as unknown as Triple
  }

  /** Rotary table of a grid, `[tokens, 2 * head features]`. */
  ropeTable(device: Tensor['device'], grid: Triple): Tensor {
    const { features, heads } = this.#config
    return ropeTable3d(device, { grid, headDim: features / heads })
  }

  /** Blocks and final norm over tokens `[N, T, features]` whose positions are the rows of `ropeTable` (of each sample, where it is `[N, T, ...]`). */
  encodeTokens(tokens: Tensor, ropeTable: Tensor): Tensor {
    const blocks = this.blocks.map((block) => {
      const step = (x: Tensor, table: Tensor): Tensor => block.apply(x, table)
      // The table is an input, so that one of a caller's scope is there when the block is computed again.
      return (x: Tensor): Tensor => (this.checkpointing ? checkpoint(step, x, ropeTable) : step(x, ropeTable))
    })
    return sequence(tokens, [...blocks, (x) => this.normalize(x)])
  }

  /** The final norm, behind the last block. */
  normalize(tokens: Tensor): Tensor {
    return this.#norm.apply(tokens)
  }

  /** The backbone: volume `[N, D, H, W, 1]` to tokens `[N, T, features]`. */
  encode(volume: Tensor): TokenGrid {
    return scope(() => {
      const { tokens, grid } = this.embedPatches(volume)
      return { tokens: this.encodeTokens(tokens, this.ropeTable(volume.device, grid)), grid }
    })
  }

  /**
   * The backbone window by window, each with positions from 0, stitched to one grid. Windows are visited in row-major
   * order of `starts` (voxels); where they overlap, the later one counts.
   */
  encodeWindows(volume: Tensor, windowSize: Triple, starts: WindowStarts): TokenGrid {
    return stitchWindows(volume, { windowSize, starts, patch: this.#config.patch }, (window) => this.encode(window))
  }

  /** Tokens `[N, T, features]` to the projected ones `[N, T, projection]`. */
  project(tokens: Tensor): Tensor {
    const weight = this.#projectorWeight.value
    return scope(() => linear(tokens, reshape(weight, weight.shape.slice(0, 2)), { bias: this.#projectorBias.value }))
  }
}

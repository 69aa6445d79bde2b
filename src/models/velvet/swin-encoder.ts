import { checkpoint, scope, type Tensor, ValueError } from '../../engine/index.js'
import { conv3d } from '../../kernels/conv3d/index.js'
import { reshape } from '../../kernels/layout/index.js'
import { layerNorm } from '../../kernels/norm/index.js'
import { pad } from '../../kernels/pad/index.js'
import type { Triple } from '../layers/basic.js'
import { fanInUniform, type Parameter, type ParameterScope } from '../layers/parameter.js'
import { sequence } from '../layers/sequence.js'
import type { SwinConfig } from './config.js'
import { PatchMerging } from './patch-merging.js'
import { SwinBlock } from './swin-block.js'
import { WindowTableCache } from './window-tables.js'

interface Stage {
  readonly blocks: readonly SwinBlock[]
  readonly downsample: PatchMerging
}

export interface EncodeOptions {
  /** Recompute every block in the backward pass instead of storing what is inside it. Default false. */
  readonly checkpointing?: boolean | undefined
}

/** MONAI's 3D Swin transformer (Hatamizadeh et al. 2022, as in VELVET-Med): one map before and one after every stage. */
export class SwinEncoder {
  readonly config: SwinConfig
  readonly tables: WindowTableCache
  readonly #patchWeight: Parameter
  readonly #patchBias: Parameter
  readonly #stages: readonly Stage[]

  constructor(parameters: ParameterScope, config: SwinConfig) {
    const { inChannels, features, depths, heads, window, patch, mlpRatio, merging } = config
    if (heads.length !== depths.length || heads.some((count, stage) => (features * 2 ** stage) % count !== 0)) {
      throw new ValueError(
        `SwinEncoder: heads ${heads.join(', ')} do not divide the channels of stages of depths ${depths.join(', ')}`,
      )
    }
    this.config = config
    this.tables = new WindowTableCache(parameters.device, window)
    const fanIn = inChannels * patch ** 3
    const embed = parameters.at('patch_embed.proj')
    this.#patchWeight = embed.declare('weight', {
      shape: [features, inChannels, patch, patch, patch],
      axes: [0, 2, 3, 4, 1],
      initial: fanInUniform(fanIn),
    })
    this.#patchBias = embed.declare('bias', { shape: [features], initial: fanInUniform(fanIn) })
    this.#stages = depths.map((depth, stage) => {
      const layer = parameters.at(`layers${stage + 1}`).at(0)
      const options = { features: features * 2 ** stage, heads: heads[stage]!, window, mlpRatio }
      return {
        blocks: Array.from({ length: depth }, (_, i) => new SwinBlock(layer.at('blocks').at(i), options)),
        downsample: new PatchMerging(layer.at('downsample'), options.features, merging),
      }
    })
  }

  /**
   * Volume `[N, H, W, D, channels]` to the maps `[N, h, w, d, C]` of the patch embedding and of every stage, each
   * normalised over its channels without parameters: x0, x1, ... of the reference. An axis that the patch does not
   * divide is filled up with zeros at its end.
   */
  encode(volume: Tensor, options: EncodeOptions = {}): Tensor[] {
    return scope(() => this.stages(volume, options).map((map) => layerNorm(map)))
  }

  /** The maps before normalisation. */
  stages(volume: Tensor, { checkpointing = false }: EncodeOptions = {}): Tensor[] {
    return scope(() => {
      const maps = [this.#embed(volume)]
      for (const [i, { blocks, downsample }] of this.#stages.entries()) {
        maps.push(
          scope(() => {
            const map = maps[i]!
            const [n, h, w, d, features] = map.shape as [number, number, number, number, number]
            const steps = blocks.map((block, index) => {
              const tables = this.tables.get([h, w, d], index % 2 === 1)
              const step = (x: Tensor): Tensor => block.apply(x, tables)
              return checkpointing ? (x: Tensor): Tensor => checkpoint(step, x) : step
            })
            const tokens = sequence(reshape(map, [n, h * w * d, features]), steps)
            return downsample.apply(reshape(tokens, [n, h, w, d, features]))
          }),
        )
      }
      return maps
    })
  }

  #embed(volume: Tensor): Tensor {
    return scope(() => {
      const { patch } = this.config
      const missing = volume.shape.slice(1, 4).map((extent) => (patch - (extent % patch)) % patch)
      const whole = missing.every((count) => count === 0)
        ? volume
        : pad(volume, [[0, 0], ...missing.map((count): [number, number] => [0, count]), [0, 0]])
      const stride: Triple = [patch, patch, patch]
      return conv3d(whole, this.#patchWeight.value, { bias: this.#patchBias.value, stride })
    })
  }

  /** Frees the index tables; the parameters belong to the model. */
  dispose(): void {
    this.tables.dispose()
  }
}

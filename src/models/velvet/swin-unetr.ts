/** SwinUNETR (Hatamizadeh et al. 2022): the Swin encoder with a convolutional decoder (reference §1.5). */
import { scope, type Tensor, ValueError } from '../../engine/index.js'
import { conv3d, convTranspose3d } from '../../kernels/conv3d/index.js'
import { add, leakyRelu } from '../../kernels/elementwise/index.js'
import { concat } from '../../kernels/join/index.js'
import { instanceNorm } from '../../kernels/norm/index.js'
import { fanInUniform, type Parameter, type ParameterScope } from '../layers/parameter.js'
import type { SwinConfig } from './config.js'
import { type EncodeOptions, SwinEncoder } from './swin-encoder.js'

/** A convolution without bias, under MONAI's name `.conv.weight`. */
class Convolution {
  readonly #weight: Parameter
  readonly #padding: number

  constructor(block: ParameterScope, inChannels: number, outChannels: number, kernel: 1 | 3) {
    this.#padding = (kernel - 1) / 2
    this.#weight = block.at('conv').declare('weight', {
      shape: [outChannels, inChannels, kernel, kernel, kernel],
      axes: [0, 2, 3, 4, 1],
      initial: fanInUniform(inChannels * kernel ** 3),
    })
  }

  /** The convolution and an instance norm without parameters. */
  apply(x: Tensor): Tensor {
    return scope(() => instanceNorm(conv3d(x, this.#weight.value, { padding: this.#padding })))
  }
}

/** Two convolutions and a shortcut, which has a convolution of its own where the channels change. */
class ResidualBlock {
  readonly #first: Convolution
  readonly #second: Convolution
  readonly #shortcut: Convolution | undefined

  constructor(block: ParameterScope, inChannels: number, outChannels: number) {
    this.#first = new Convolution(block.at('conv1'), inChannels, outChannels, 3)
    this.#second = new Convolution(block.at('conv2'), outChannels, outChannels, 3)
    if (inChannels !== outChannels) this.#shortcut = new Convolution(block.at('conv3'), inChannels, outChannels, 1)
  }

  apply(x: Tensor): Tensor {
    return scope(() => {
      const inner = scope(() => this.#second.apply(leakyRelu(this.#first.apply(x))))
      return leakyRelu(add(inner, this.#shortcut?.apply(x) ?? x))
    })
  }
}

/** Doubles the grid, joins a skip connection and refines. */
class UpBlock {
  readonly #up: Parameter
  readonly #block: ResidualBlock

  constructor(decoder: ParameterScope, inChannels: number, outChannels: number) {
    this.#up = decoder.at('transp_conv.conv').declare('weight', {
      shape: [inChannels, outChannels, 2, 2, 2],
      axes: [0, 2, 3, 4, 1],
      initial: fanInUniform(outChannels * 8),
    })
    this.#block = new ResidualBlock(decoder.at('conv_block'), 2 * outChannels, outChannels)
  }

  apply(x: Tensor, skip: Tensor): Tensor {
    return scope(() => {
      const joined = scope(() => concat([convTranspose3d(x, this.#up.value, { stride: 2 }), skip], 4))
      return this.#block.apply(joined)
    })
  }
}

/** The maps of a forward pass by the names of the parts that make them. */
export interface SwinUnetrMaps {
  /** Normalised maps of the encoder. */
  readonly maps: readonly Tensor[]
  readonly encoder1: Tensor
  /** Of the maps that have a skip block: the first ones, and the deepest. */
  readonly skips: readonly Tensor[]
  readonly deepest: Tensor
  /** From `decoder5`, which is the coarsest, to `decoder1`. */
  readonly decoded: readonly Tensor[]
  /** `[N, H, W, D, classes]` */
  readonly logits: Tensor
}

export interface SwinUnetrConfig {
  readonly vision: SwinConfig
  readonly classes: number
}

/** The decoder has five levels, so the encoder must have four stages. */
const stages = 4

export class SwinUnetr {
  readonly config: SwinUnetrConfig
  readonly encoder: SwinEncoder
  readonly #image: ResidualBlock
  readonly #skips: readonly ResidualBlock[]
  readonly #deepest: ResidualBlock
  readonly #decoders: readonly UpBlock[]
  readonly #outWeight: Parameter
  readonly #outBias: Parameter

  /** @throws ValueError for an encoder that does not have four stages and patches of two voxels. */
  constructor(parameters: ParameterScope, config: SwinUnetrConfig) {
    const { features, depths, patch, inChannels } = config.vision
    if (depths.length !== stages || patch !== 2) {
      throw new ValueError(
        `SwinUnetr: takes an encoder of ${stages} stages and patch 2, got ${depths.length} stages and patch ${patch}`,
      )
    }
    this.config = config
    this.encoder = new SwinEncoder(parameters.at('swinViT'), config.vision)
    const layer = (name: string): ParameterScope => parameters.at(name).at('layer')
    this.#image = new ResidualBlock(layer('encoder1'), inChannels, features)
    this.#skips = [1, 2, 4].map(
      (times, i) => new ResidualBlock(layer(`encoder${i + 2}`), times * features, times * features),
    )
    this.#deepest = new ResidualBlock(layer('encoder10'), 16 * features, 16 * features)
    this.#decoders = [5, 4, 3, 2, 1].map((level) => {
      const outFeatures = features * 2 ** Math.max(0, level - 2)
      return new UpBlock(parameters.at(`decoder${level}`), features * 2 ** (level - 1), outFeatures)
    })
    const out = parameters.at('out.conv.conv')
    this.#outWeight = out.declare('weight', {
      shape: [config.classes, features, 1, 1, 1],
      axes: [0, 2, 3, 4, 1],
      initial: fanInUniform(features),
    })
    this.#outBias = out.declare('bias', { shape: [config.classes], initial: fanInUniform(features) })
  }

  /** Crop `[N, H, W, D, channels]` to logits `[N, H, W, D, classes]`. Throws a ValueError unless 32 divides every axis. */
  apply(volume: Tensor, options: EncodeOptions = {}): Tensor {
    return scope(() => this.maps(volume, options).logits)
  }

  /** {@link apply} with everything on the way. */
  maps(volume: Tensor, options: EncodeOptions = {}): SwinUnetrMaps {
    if (volume.shape.slice(1, 4).some((extent) => extent % 32 !== 0)) {
      throw new ValueError(`SwinUnetr: 32 must divide each side of a crop, got ${volume.shape.slice(1, 4).join(' x ')}`)
    }
    return scope(() => {
      const maps = this.encoder.encode(volume, options)
      const encoder1 = this.#image.apply(volume)
      const skips = this.#skips.map((block, i) => block.apply(maps[i]!))
      const deepest = this.#deepest.apply(maps[4]!)
      const [skip2, skip3, skip4] = skips as [Tensor, Tensor, Tensor]
      const decoded: Tensor[] = []
      for (const [i, skip] of [maps[3]!, skip4, skip3, skip2, encoder1].entries()) {
        decoded.push(this.#decoders[i]!.apply(decoded.at(-1) ?? deepest, skip))
      }
      const logits = conv3d(decoded.at(-1)!, this.#outWeight.value, { bias: this.#outBias.value })
      return { maps, encoder1, skips, deepest, decoded, logits }
    })
  }

  dispose(): void {
    this.encoder.dispose()
  }
}

/**
 * COLIPRI (Wald et al., "Comprehensive language-image pre-training for 3D medical image understanding",
 * arXiv 2510.15042): a 3D image tower and a text tower that share an embedding space. Research use, not for diagnosis.
 */
import type { Device, DType, Tensor } from '../../engine/index.js'
import { scope } from '../../engine/index.js'
import { l2Normalize } from '../../kernels/losses/index.js'
import { ParameterScope } from '../layers/parameter.js'
import { initializeWeights, loadWeights, type WeightSource } from '../weights.js'
import { type ColipriConfig, colipriPublished } from './config.js'
import { ImageEncoder } from './image-encoder.js'
import { TextEncoder } from './text-encoder.js'

export interface ColipriOptions {
  readonly config?: ColipriConfig | undefined
  /** Storage of parameters and activations. */
  readonly dtype?: DType | undefined
  /** Leaves the text tower without weights. */
  readonly imageOnly?: boolean | undefined
}

/** In published files or older versions, and no parameter: a position buffer and the temperature. */
const tolerated = /(^|\.)(position_ids|softmax_temperature)$/

export class Colipri {
  readonly config: ColipriConfig
  readonly device: Device
  readonly image: ImageEncoder
  readonly text: TextEncoder
  readonly parameters: ParameterScope
  readonly #wanted: (name: string) => boolean

  /** The architecture, without values: follow with {@link load} or {@link initialize}. */
  constructor(device: Device, { config = colipriPublished, dtype = 'f32', imageOnly = false }: ColipriOptions = {}) {
    this.config = config
    this.device = device
    this.parameters = new ParameterScope(device, dtype)
    this.image = new ImageEncoder(this.parameters.at('image_encoder'), config)
    this.text = new TextEncoder(this.parameters.at('text_encoder'), config)
    this.#wanted = (name) => !imageOnly || !name.startsWith('text_encoder.')
  }

  /** Loads a checkpoint with the published names. Throws a `WeightsError` that lists everything that does not fit. */
  async load(source: WeightSource): Promise<this> {
    await loadWeights(this.parameters, source, { only: this.#wanted, tolerate: (name) => tolerated.test(name) })
    return this
  }

  /** Random weights of a seed, as training starts from. */
  initialize(seed: number): this {
    initializeWeights(this.parameters, seed, { only: this.#wanted })
    return this
  }

  /** Volume `[N, D, H, W, 1]`, preprocessed, to unit vectors `[N, projection]`. */
  embedImage(volume: Tensor): Tensor {
    return scope(() => {
      const projected = scope(() => this.image.project(this.image.encode(volume).tokens))
      return l2Normalize(this.image.pooler.apply(projected), { axis: 1 })
    })
  }

  /** Ids and mask `[N, T]` to unit vectors `[N, projection]`. */
  embedText(ids: Tensor, mask: Tensor, options: { readonly maskedPooling?: boolean } = {}): Tensor {
    return scope(() => l2Normalize(this.text.encode(ids, mask, options), { axis: 1 }))
  }

  dispose(): void {
    for (const parameter of this.parameters.parameters.values()) parameter.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

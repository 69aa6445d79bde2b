/**
 * COLIPRI (Wald et al., "Comprehensive language-image pre-training for 3D medical image understanding",
 * arXiv 2510.15042): a 3D image tower and a text tower that share an embedding space. Research use, not for diagnosis.
 */
import type { Device, DType, Tensor } from '../../engine/index.js'
import { scope, ValueError } from '../../engine/index.js'
import { l2Normalize } from '../../kernels/losses/index.js'
import { ParameterScope } from '../layers/parameter.js'
import { initializeWeights, type LoadOptions, type LoadReport, loadWeights, type WeightSource } from '../weights.js'
import { type ColipriConfig, colipriPublished } from './config.js'
import type { ImageEncoder } from './image-encoder.js'
import { declareTowers } from './parameters.js'
import type { TextEncoder } from './text-encoder.js'

export interface ColipriOptions {
  readonly config?: ColipriConfig | undefined
  /** Storage of parameters and activations. */
  readonly dtype?: DType | undefined
  /** Leaves the text tower without weights. */
  readonly imageOnly?: boolean | undefined
}

/** In some files, and no parameter: a position buffer, the temperature, and what only pre-training needs. */
const tolerated = /(^|\.)(position_ids|softmax_temperature)$|^(report|masked)_decoder\./

const temperatureName = 'softmax_temperature'

export class Colipri {
  readonly config: ColipriConfig
  readonly device: Device
  readonly image: ImageEncoder
  readonly text: TextEncoder
  readonly parameters: ParameterScope
  readonly #wanted: (name: string) => boolean
  #softmaxTemperature: number

  /** The architecture, without values: follow with {@link load} or {@link initialize}. */
  constructor(device: Device, { config = colipriPublished, dtype = 'f32', imageOnly = false }: ColipriOptions = {}) {
    this.config = config
    this.device = device
    this.parameters = new ParameterScope(device, dtype)
    const { image, text } = declareTowers(this.parameters, config)
    this.image = image
    this.text = text
    this.#softmaxTemperature = config.softmaxTemperature ?? 1
    this.#wanted = (name) => !imageOnly || !name.startsWith('text_encoder.')
  }

  /** What similarities are divided by before the softmax: the checkpoint's own, else the configuration's. */
  get softmaxTemperature(): number {
    return this.#softmaxTemperature
  }

  /** Loads a checkpoint with the published names. Throws a `WeightsError` that lists everything that does not fit. */
  async load(source: WeightSource, options: Pick<LoadOptions, 'onProgress' | 'signal'> = {}): Promise<this> {
    await this.loadReporting(source, options)
    return this
  }

  /** The same, and tells what was loaded and what was passed over. */
  async loadReporting(
    source: WeightSource,
    options: Pick<LoadOptions, 'onProgress' | 'signal'> = {},
  ): Promise<LoadReport> {
    const tolerate = (name: string) => tolerated.test(name)
    const report = await loadWeights(this.parameters, source, { ...options, only: this.#wanted, tolerate })
    if (source.names.includes(temperatureName)) {
      const [value] = await source.readFloat32(temperatureName)
      if (value === undefined || !(value > 0 && Number.isFinite(value))) {
        throw new ValueError(`${source.path}: ${temperatureName} is ${value}, not a positive number`)
      }
      this.#softmaxTemperature = value
    }
    return report
  }

  /** Random weights of a seed, as training starts from. */
  initialize(seed: number): this {
    initializeWeights(this.parameters, seed, { only: this.#wanted })
    return this
  }

  /** Volume `[N, D, H, W, 1]`, preprocessed, to unit vectors `[N, projection]`. */
  embedImage(volume: Tensor): Tensor {
    return scope(() => this.pool([this.projectImage(volume)]))
  }

  /** Volume `[N, D, H, W, 1]`, preprocessed, to projected tokens `[N, T, projection]`, row-major over the grid. */
  projectImage(volume: Tensor): Tensor {
    return scope(() => this.image.project(this.image.encode(volume).tokens))
  }

  /** Projected tokens `[N, T, projection]`, those of all windows where there are several, to `[N, projection]`, unit. */
  pool(windows: readonly Tensor[]): Tensor {
    return scope(() => {
      const { pooler } = this.image
      const pooled = windows.length === 1 ? pooler.apply(windows[0]!) : pooler.applyParts(windows)
      return l2Normalize(pooled, { axis: 1 })
    })
  }

  /** Projected tokens to dense features `[N, T, projection]`, unit vectors in the space of the pooled ones. */
  dense(projected: Tensor): Tensor {
    return scope(() => l2Normalize(this.image.pooler.dense(projected), { axis: 2 }))
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

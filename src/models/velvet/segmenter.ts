/** Whole-volume segmentation with a SwinUNETR (reference §6.1). */
import type { Device, DType, Tensor } from '../../engine/index.js'
import { ParameterScope } from '../layers/parameter.js'
import { initializeWeights, type WeightSource } from '../weights.js'
import { velvetVision } from './config.js'
import { type HostVolume, type LabelVolumeOptions, labelVolume } from './label-volume.js'
import { velvetSide } from './preprocessing.js'
import { type SlidingWindowOptions, slidingWindow } from './sliding-window.js'
import { checkMerging } from './stored-merging.js'
import { SwinUnetr, type SwinUnetrConfig } from './swin-unetr.js'
import { loadByRule, type NameRule, velvetWeightRules, type WeightReport } from './weight-rules.js'

export interface SegmenterOptions {
  readonly config?: SwinUnetrConfig | undefined
  readonly dtype?: DType | undefined
}

/** Classes of the authors' data sets, background included. */
export const velvetClasses = { btcv: 14, abdomenCt1k: 5, ctOrg: 7 } as const

const wholeWindow = [velvetSide, velvetSide, velvetSide] as const

export class VelvetSegmenter {
  readonly config: SwinUnetrConfig
  readonly parameters: ParameterScope
  readonly model: SwinUnetr
  readonly #device: Device

  /** The architecture, without values: follow with {@link load} or {@link initialize}. */
  constructor(device: Device, options: SegmenterOptions = {}) {
    const { config = { vision: velvetVision.Sv, classes: velvetClasses.btcv }, dtype = 'f32' } = options
    this.#device = device
    this.config = config
    this.parameters = new ParameterScope(device, dtype)
    this.model = new SwinUnetr(this.parameters, config)
  }

  /**
   * Loads weights by the rule of their origin; default: a fine-tuned segmenter of VELVET-Med. Errors of `loadByRule`, and a
   * VoxgradError for weights that say they were trained with another patch merging.
   */
  async load(source: WeightSource, rule: NameRule = velvetWeightRules.velvetSegmenter): Promise<WeightReport> {
    checkMerging(source, this.config.vision)
    return await loadByRule(this.parameters, source, rule)
  }

  initialize(seed: number): this {
    initializeWeights(this.parameters, seed)
    return this
  }

  /** Preprocessed volume `[N, H, W, D, 1]` to class logits `[N, H, W, D, classes]`, window by window. */
  logits(volume: Tensor, options: Partial<SlidingWindowOptions> = {}): Tensor {
    return slidingWindow(volume, (windows) => this.model.apply(windows), { window: wholeWindow, ...options })
  }

  /** The class of every voxel of a preprocessed volume, of any size, row-major. */
  segment(
    volume: HostVolume,
    options: Partial<Omit<LabelVolumeOptions, 'device' | 'dtype'>> = {},
  ): Promise<Uint8Array> {
    const { dtype } = this.parameters
    return labelVolume(volume, (windows) => this.model.apply(windows), {
      window: wholeWindow,
      ...options,
      ...{ device: this.#device, dtype },
    })
  }

  dispose(): void {
    this.model.dispose()
    for (const parameter of this.parameters.parameters.values()) parameter.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

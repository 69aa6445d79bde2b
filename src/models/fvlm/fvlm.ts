/**
 * fVLM (Shui et al., "Large-scale and fine-grained vision-language pre-training for enhanced CT image understanding",
 * ICLR 2025, arXiv 2501.14548): aligns each anatomy of a CT with its own sentences. This is the released model, trained
 * on CT-RATE, which differs from the paper's main one. Research use, not for diagnosis.
 */
import type { Device, DType, Generator, Tensor } from '../../engine/index.js'
import { type Dropping, dropAtRandom } from '../layers/dropping.js'
import { type Parameter, ParameterScope } from '../layers/parameter.js'
import { initializeWeights, type LoadOptions, loadWeights, type WeightSource } from '../weights.js'
import { type FvlmConfig, fvlmPublished } from './config.js'
import type { OrganPooling } from './organ-pooling.js'
import { declareParts } from './parameters.js'
import type { TextEncoder } from './text-encoder.js'
import type { VisionEncoder } from './vision-encoder.js'

export interface FvlmOptions {
  readonly config?: FvlmConfig | undefined
  /** Storage of parameters and activations. */
  readonly dtype?: DType | undefined
  /** Leaves the other tower without weights. Default both. */
  readonly only?: 'vision' | 'text' | undefined
}

/** Bounds of the temperature while training. */
export const temperatureBounds = [0.001, 0.5] as const

/**
 * In the released file and no parameter: a position buffer, an unused language head, and queues of older code. Under
 * `peer.` our training keeps the second model of co-teaching.
 */
const leftovers =
  /^(peer\..*|text_encoder\.embeddings\.position_ids|text_encoder\.cls\..*|image_queue|text_queue|queue_ptr)$/

const belongsTo = {
  vision: (name: string) => /^(visual_encoder|attention|vision_projs)\.|^query_tokens$|^temp$/.test(name),
  text: (name: string) => /^(text_encoder|text_proj)\.|^temp$/.test(name),
}

export class Fvlm {
  readonly config: FvlmConfig
  readonly device: Device
  readonly vision: VisionEncoder
  readonly pooling: OrganPooling
  readonly text: TextEncoder
  /** What cosines are divided by. */
  readonly temperature: Parameter
  readonly parameters: ParameterScope
  readonly #wanted: (name: string) => boolean

  /** The architecture, without values: follow with {@link load} or {@link initialize}. */
  constructor(device: Device, { config = fvlmPublished, dtype = 'f32', only }: FvlmOptions = {}) {
    this.config = config
    this.device = device
    this.parameters = new ParameterScope(device, dtype)
    const { temperature, vision, pooling, text } = declareParts(this.parameters, config)
    this.temperature = temperature
    this.vision = vision
    this.pooling = pooling
    this.text = text
    this.#wanted = only ? belongsTo[only] : () => true
  }

  /**
   * Loads weights with the published names: `model.pth` as `openWeights` opens it, with its tensors at the top or under
   * `model`, or a file of another format. Throws a `WeightsError` that lists everything that does not fit.
   */
  async load(
    source: WeightSource,
    { signal, onProgress }: Pick<LoadOptions, 'signal' | 'onProgress'> = {},
  ): Promise<this> {
    const only = (name: string) => this.#wanted(name) || leftovers.test(name)
    const tolerate = (name: string) => leftovers.test(name)
    await loadWeights(this.parameters, unwrapped(source), { only, tolerate, signal, onProgress })
    return this
  }

  /** Random weights of a seed, as training starts from before the towers are loaded from others. */
  initialize(seed: number): this {
    initializeWeights(this.parameters, seed, { only: this.#wanted })
    return this
  }

  /** Ids and mask `[N, T]` to unit vectors `[N, projection]`. */
  embedText(ids: Tensor, mask: Tensor): Tensor {
    return this.text.embed(ids, mask)
  }

  /** The dropout of training, by the configuration's rates. */
  dropping(generator: Generator): Dropping {
    const { vision, text, poolingDropout } = this.config
    return dropAtRandom(generator, (place) => {
      if (place.startsWith('text_encoder.')) return text.dropout
      return place === 'attention' ? poolingDropout : vision.dropout
    })
  }

  /** Moves the stored temperature into its bounds, as the published code does before every training step. */
  async clampTemperature(): Promise<void> {
    const temperature = await this.temperature.value.item()
    const clamped = Math.min(Math.max(temperature, temperatureBounds[0]), temperatureBounds[1])
    if (clamped !== temperature) this.temperature.value.write([clamped])
  }

  dispose(): void {
    for (const parameter of this.parameters.parameters.values()) parameter.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** The weights of a trainer's checkpoint, which lie under `model`, without the optimizer's beside them. */
function unwrapped(source: WeightSource): WeightSource {
  const prefix = 'model.'
  if (!source.names.includes(`${prefix}temp`)) return source
  return {
    path: source.path,
    names: source.names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length)),
    header: (name) => source.header(prefix + name),
    readFloat32: (name) => source.readFloat32(prefix + name),
  }
}

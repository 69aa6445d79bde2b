/**
 * COLIPRI with what only its pre-training needs: a report decoder, a decoder for masked images, and the objectives
 * (reference §5). Each objective is a mean over its batch; how they are weighted is the caller's.
 */
import { type Device, type DType, scope, type Tensor, tensor, ValueError } from '../../engine/index.js'
import { infoNCE, oppositeSentence } from '../../kernels/contrastive/index.js'
import { reshape } from '../../kernels/layout/index.js'
import { Colipri } from './colipri.js'
import type { ColipriConfig } from './config.js'
import { type KeptPatches, MaskedImageDecoder, maskedModelling } from './masked-modelling.js'
import { ReportDecoder, reportLoss } from './report-decoder.js'

/** Published models have 1 in their code and an unknown value in their configuration; 0.07 is CLIP's first one. */
const defaultTemperature = 0.07

export interface ColipriPretrainingOptions {
  readonly config: ColipriConfig
  readonly dtype?: DType | undefined
  /** Layers, heads and hidden features of the report decoder; left out, there is none. */
  readonly reports?: { readonly layers: number; readonly heads: number; readonly hiddenFeatures: number } | undefined
  /** Blocks of the decoder of masked images; left out, there is none. */
  readonly masked?: { readonly blocks: number } | undefined
}

/** Ids and mask `[N, T]` of texts, on the device. */
export interface TextTensors {
  readonly ids: Tensor
  readonly mask: Tensor
}

export class ColipriPretraining {
  /** Its parameters hold those of the decoders as well, under `report_decoder.` and `masked_decoder.`. */
  readonly model: Colipri
  readonly #reports: ReportDecoder | undefined
  readonly #masked: MaskedImageDecoder | undefined

  /** The architecture, without values: follow with `model.initialize` or `model.load`. */
  constructor(device: Device, { config, dtype, reports, masked }: ColipriPretrainingOptions) {
    const { text, projectionFeatures: features } = config
    this.model = new Colipri(device, {
      config: { ...config, softmaxTemperature: config.softmaxTemperature ?? defaultTemperature },
      dtype,
    })
    const { parameters } = this.model
    const { vocabulary, positions } = text
    if (reports) {
      this.#reports = new ReportDecoder(parameters.at('report_decoder'), {
        ...reports,
        vocabulary,
        positions,
        features,
      })
    }
    if (masked) this.#masked = new MaskedImageDecoder(parameters.at('masked_decoder'), config, masked.blocks)
  }

  /** Throws a {@link ValueError} for a model that was made without one. */
  get reports(): ReportDecoder {
    if (this.#reports) return this.#reports
    throw new ValueError('colipri: this model has no report decoder: give the option `reports`')
  }

  /** Symmetric InfoNCE of unit vectors `[N, projection]` of images and their texts, at the model's temperature. */
  contrast(image: Tensor, text: Tensor): Tensor {
    return infoNCE(image, text, { temperature: this.model.softmaxTemperature, normalize: false }).loss
  }

  /**
   * Opposite sentences of unit vectors of N images: K sentences and K opposites of each, `[N K]` rows of ids one image
   * after the other, and labels `[N K]` as `opposedSentences` of the data layer gives them.
   */
  opposites(image: Tensor, { positive, negative, labels }: OppositeTensors): Tensor {
    return scope(() => {
      const [images, features] = image.shape as [number, number]
      const rows = labels.length / images
      const embed = ({ ids, mask }: TextTensors) => reshape(this.model.embedText(ids, mask), [images, rows, features])
      return oppositeSentence(image, embed(positive), embed(negative), tensor(image.device, labels, [images, rows]), {
        temperature: this.model.softmaxTemperature,
        normalize: false,
      })
    })
  }

  /** Teacher-forced report generation from projected tokens `[N, S, projection]`; see `reportLoss`. */
  generation(projected: Tensor, ids: Tensor, targets: Tensor): Tensor {
    return reportLoss(this.reports, projected, ids, targets)
  }

  /** Masked image modelling of volumes `[N, D, H, W, 1]`. Throws a {@link ValueError} for a model without its decoder. */
  masking(volume: Tensor, choice: KeptPatches): Tensor {
    const decoder = this.#masked
    if (!decoder) throw new ValueError('colipri: this model has no decoder of masked images: give the option `masked`')
    return scope(() => maskedModelling(this.model.image, decoder, volume, choice).loss)
  }

  dispose(): void {
    this.model.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

export interface OppositeTensors {
  readonly positive: TextTensors
  readonly negative: TextTensors
  /** 1 where the sentence is true of the image, 0 where its opposite is, -1 where the pair does not count. */
  readonly labels: Int32Array
}

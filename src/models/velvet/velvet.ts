/**
 * VELVET-Med (Zhang et al., "VELVET-Med: Vision and efficient language pre-training for volumetric imaging tasks in
 * medicine", arXiv 2508.12108): a 3D Swin encoder and TriBERT that meet on three levels. Research use, not for diagnosis.
 */
import type { Device, DType, Tensor } from '../../engine/index.js'
import { noGrad, scope } from '../../engine/index.js'
import { reshape } from '../../kernels/layout/index.js'
import { l2Normalize } from '../../kernels/losses/index.js'
import { mean } from '../../kernels/reduce/index.js'
import type { Linear } from '../layers/basic.js'
import { type Parameter, ParameterScope } from '../layers/parameter.js'
import { initializeWeights, loadWeights, type WeightSource } from '../weights.js'
import { type VelvetConfig, velvetPublished } from './config.js'
import { FusionAdapter, LinearReconstruction, MaskedTokenHead, projection } from './heads.js'
import { checkMerging } from './stored-merging.js'
import { SwinEncoder } from './swin-encoder.js'
import { type LevelTokens, levelVectors, reportVector, textLevels } from './text-levels.js'
import { type TextRows, TriBert, type TriBertOptions } from './tribert.js'

export interface VelvetOptions {
  readonly config?: VelvetConfig | undefined
  /** Storage of parameters and activations. */
  readonly dtype?: DType | undefined
}

/** A volume on three levels. Vectors are not normalised unless they are said to be. */
export interface VolumeLevels {
  /** Unit vectors `[N, E]` */
  readonly report: Tensor
  /** Of the regions of x3, row-major: `[N, regions, E]` */
  readonly sentence: Tensor
  /** Of the regions of x2, row-major: `[N, regions, E]` */
  readonly word: Tensor
}

/** Texts on three levels; sentences and words of all texts one after the other. */
export interface TextLevelVectors {
  /** Unit vectors `[N, E]` */
  readonly report: Tensor
  /** `[sentences, E]` */
  readonly sentence: Tensor
  readonly sentenceCounts: readonly number[]
  /** `[words, E]` */
  readonly word: Tensor
  readonly wordCounts: readonly number[]
}

/** Projections of one level into the space that both towers share. */
interface LevelHeads {
  readonly image: Linear
  readonly text: Linear
}

export class Velvet {
  readonly config: VelvetConfig
  readonly device: Device
  readonly parameters: ParameterScope
  readonly vision: SwinEncoder
  readonly text: TriBert
  readonly report: LevelHeads
  readonly sentence: LevelHeads
  readonly word: LevelHeads
  /** Plain learnable temperature of the report level. */
  readonly temperature: Parameter
  readonly adapter: FusionAdapter
  readonly matchHead: Linear
  readonly fusionTokenHead: MaskedTokenHead
  readonly textTokenHead: MaskedTokenHead
  readonly contrastHead: Linear
  readonly rotationHead: Linear
  readonly reconstruction: LinearReconstruction

  /** The architecture, without values: follow with {@link load} or {@link initialize}. */
  constructor(device: Device, { config = velvetPublished, dtype = 'f32' }: VelvetOptions = {}) {
    const { vision, text, projectionFeatures: shared } = config
    const root = new ParameterScope(device, dtype)
    const deepest = vision.features * 2 ** vision.depths.length
    const seeing = root.at('vision_ssl')
    const reading = root.at('text_ssl')
    // Levels sit one and two stages above the deepest map.
    const level = (name: string, features: number): LevelHeads => ({
      image: projection(root.at(`${name}_itc_vis_head`), features, shared),
      text: projection(root.at(`${name}_itc_txt_head`), text.features, shared),
    })
    this.config = config
    this.device = device
    this.parameters = root
    this.vision = new SwinEncoder(seeing.at('vision_encoder'), vision)
    this.contrastHead = projection(seeing.at('contras_head'), deepest, shared)
    this.rotationHead = projection(seeing.at('rot_head'), deepest, 4)
    const doublings = vision.depths.length + Math.log2(vision.patch)
    this.reconstruction = new LinearReconstruction(seeing.at('recon_bottleneck'), deepest, doublings)
    this.text = new TriBert(reading.at('text_model'), text)
    this.textTokenHead = new MaskedTokenHead(reading.at('text_mlm_head'), text.features, text.vocabulary)
    this.report = level('top', deepest)
    this.sentence = level('middle', deepest / 2)
    this.word = level('bottom', deepest / 4)
    this.temperature = root
      .at('top_itc_criterion')
      .declare('temperature', { shape: [], initial: { kind: 'constant', value: 0.07 } })
    this.fusionTokenHead = new MaskedTokenHead(root.at('mm_mlm_head'), text.features, text.vocabulary)
    this.matchHead = projection(root.at('mm_match_head'), text.features, 2)
    // The misspelling is part of the authors' names.
    this.adapter = new FusionAdapter(root.at('mm_adpater'), deepest, text.features)
  }

  /**
   * Loads a checkpoint in the authors' layout. Their index buffers are passed over, since the window implies them.
   *
   * @throws WeightsError that lists everything that does not fit. @throws VoxgradError for weights that say they were
   * trained with another patch merging.
   */
  async load(source: WeightSource): Promise<this> {
    checkMerging(source, this.config.vision)
    await loadWeights(this.parameters, source, { tolerate: (name) => name.endsWith('.relative_position_index') })
    return this
  }

  /** Random weights of a seed, as training starts from. */
  initialize(seed: number): this {
    initializeWeights(this.parameters, seed)
    return this
  }

  /** Preprocessed volume `[N, H, W, D, 1]` with values in [0, 1] to its vectors on three levels. */
  embedVolume(volume: Tensor): VolumeLevels {
    return noGrad(() =>
      scope(() => {
        const maps = this.vision.encode(volume)
        const { report, sentence, word } = this.projectVolume(maps)
        return { report: l2Normalize(report), sentence, word }
      }),
    )
  }

  /** Projected maps of the encoder, none normalised. */
  projectVolume(maps: readonly Tensor[]): VolumeLevels {
    return scope(() => ({
      report: this.report.image.apply(pooled(maps.at(-1)!)),
      sentence: this.sentence.image.apply(regions(maps.at(-2)!)),
      word: this.word.image.apply(regions(maps.at(-3)!)),
    }))
  }

  /** Texts to their vectors on three levels. `tokens` as the vocabulary has them. */
  embedText(rows: TextRows, tokens: LevelTokens, options: TriBertOptions = {}): TextLevelVectors {
    return noGrad(() =>
      scope(() => {
        const levels = this.projectText(rows, this.text.text(rows, options).at(-1)!, tokens)
        return { ...levels, report: l2Normalize(levels.report) }
      }),
    )
  }

  /** Projected vectors of the text layers' last states, none normalised. */
  projectText(rows: TextRows, states: Tensor, tokens: LevelTokens): TextLevelVectors {
    return scope(() => {
      const { sentence, word } = textLevels(rows, tokens)
      return {
        report: this.report.text.apply(reportVector(states)),
        sentence: this.sentence.text.apply(levelVectors(states, sentence)),
        sentenceCounts: sentence.counts,
        word: this.word.text.apply(levelVectors(states, word)),
        wordCounts: word.counts,
      }
    })
  }

  /** Tokens of the deepest map for the fusion layers, `[N, regions, text features]`. */
  visionTokens(maps: readonly Tensor[]): Tensor {
    return scope(() => this.adapter.apply(regions(maps.at(-1)!)))
  }

  /** Fused states of texts and volumes, `[N, T, features]`, as a language model's prompt or for a question's answer. */
  fuse(rows: TextRows, volume: Tensor, options: TriBertOptions = {}): Tensor {
    return noGrad(() =>
      scope(() => this.text.fusion(rows, this.visionTokens(this.vision.encode(volume)), options).at(-1)!),
    )
  }

  /** Logits `[N, 2]` of volume i and text i not belonging and belonging together. */
  matchScores(rows: TextRows, volume: Tensor, options: TriBertOptions = {}): Tensor {
    return noGrad(() => scope(() => this.matchHead.apply(reportVector(this.fuse(rows, volume, options)))))
  }

  dispose(): void {
    this.vision.dispose()
    for (const parameter of this.parameters.parameters.values()) parameter.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** A map `[N, h, w, d, C]` as regions `[N, h w d, C]`. */
export function regions(map: Tensor): Tensor {
  const [n, h, w, d, features] = map.shape as [number, number, number, number, number]
  return reshape(map, [n, h * w * d, features])
}

/** The mean over a map's regions, `[N, C]`. */
export const pooled = (map: Tensor): Tensor => scope(() => mean(regions(map), { axes: 1 }))

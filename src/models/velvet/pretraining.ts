/** The combined pre-training step (reference §5): every objective on one batch, sharing forward passes. */
import { scope, Tensor, tensor } from '../../engine/index.js'
import { indexSelect } from '../../kernels/gather/index.js'
import { concat } from '../../kernels/join/index.js'
import { reshape } from '../../kernels/layout/index.js'
import { crossEntropy } from '../../kernels/losses/index.js'
import { localContrast, matchingWeights, reportContrast, total, visionLosses } from './objectives.js'
import type { EncodeOptions } from './swin-encoder.js'
import { type LevelTokens, reportVector } from './text-levels.js'
import type { MaskedTokens } from './text-tokens.js'
import type { TextRows, TriBertOptions } from './tribert.js'
import { pooled, type Velvet } from './velvet.js'

/** One batch, all of it already drawn and augmented. */
export interface PretrainingBatch {
  /** Global views `[N, S, S, S, 1]` */
  readonly volume: Tensor
  readonly text: TextRows
  /** Two augmented local crops `[N, S, S, S, 1]` */
  readonly views: readonly [Tensor, Tensor]
  /** Quarter turns of the first and then of the second view's samples. */
  readonly turns: ArrayLike<number>
  /** The clean turned crops `[2 N, S, S, S, 1]` */
  readonly target: Tensor
  /** The same text under two maskings. */
  readonly fusionMasked: MaskedTokens
  readonly textMasked: MaskedTokens
}

/** Indices of hard negatives, one for each text and one for each image. */
export interface Negatives {
  /** i32 `[N]` where it is a tensor. */
  readonly imageForText: ArrayLike<number> | Tensor
  readonly textForImage: ArrayLike<number> | Tensor
}

export interface PretrainingOptions extends EncodeOptions, TriBertOptions {
  readonly tokens: LevelTokens
  readonly labelSmoothing?: number | undefined
  readonly localTemperatures?: readonly [number, number, number] | undefined
  readonly contrastTemperature?: number | undefined
}

/** What the first part of a step leaves for the second. */
interface Shared {
  readonly mask: Tensor
  readonly textStates: Tensor
  readonly visionTokens: Tensor
}

/** Losses by their names; `loss` is the sum of the other eight. */
export interface PretrainingLosses {
  readonly loss: Tensor
  readonly report: Tensor
  readonly sentence: Tensor
  readonly word: Tensor
  readonly matching: Tensor
  readonly fusionTokens: Tensor
  readonly contrast: Tensor
  readonly rotation: Tensor
  readonly reconstruction: Tensor
  readonly textTokens: Tensor
}

/** The three contrastive levels, and the distributions of hard negatives to draw from. */
export function contrastLevels(model: Velvet, batch: PretrainingBatch, options: PretrainingOptions) {
  return scope(() => {
    const { labelSmoothing, localTemperatures: temperatures } = options
    const maps = model.vision.encode(batch.volume, options)
    const image = model.projectVolume(maps)
    const mask = model.text.mask(batch.text, options)
    const textStates = model.text.text(batch.text, options).at(-1)!
    const text = model.projectText(batch.text, textStates, options.tokens)
    const temperature = model.temperature.value
    const report = reportContrast(image.report, text.report, temperature, { labelSmoothing })
    const sentence = localContrast(image.sentence, text.sentence, text.sentenceCounts, { temperatures })
    const word = localContrast(image.word, text.word, text.wordCounts, { temperatures })
    const weights = matchingWeights(image.report, text.report, temperature)
    const shared: Shared = { mask, textStates, visionTokens: model.visionTokens(maps) }
    return { maps, image, text, report, sentence, word, weights, shared }
  })
}

/** Matching of true pairs, then of wrong images and own texts, then of own images and wrong texts: `[3 N, 2]` and its loss. */
export function matchPairs(model: Velvet, shared: Shared, negatives: Negatives, options: TriBertOptions) {
  return scope(() => {
    const { mask, textStates, visionTokens } = shared
    const n = textStates.shape[0]!
    const own = indices(
      textStates,
      Array.from({ length: n }, (_, i) => i),
    )
    const drawn = (rows: ArrayLike<number> | Tensor): Tensor =>
      rows instanceof Tensor ? rows : indices(textStates, Array.from(rows))
    const images = concat([own, drawn(negatives.imageForText), own], 0)
    const texts = concat([own, own, drawn(negatives.textForImage)], 0)
    const rows = (x: Tensor, index: Tensor): Tensor => indexSelect(x, index, { axis: 0 })
    const states = model.text.match(rows(textStates, texts), rows(mask, texts), rows(visionTokens, images), options)
    const fused = reportVector(states.at(-1)!)
    const logits = model.matchHead.apply(fused)
    const target = Array.from({ length: 3 * n }, (_, i) => Number(i < n))
    return { fused, logits, target, loss: crossEntropy(logits, indices(logits, target)) }
  })
}

/** Both masked-token objectives. */
export function predictTokens(model: Velvet, batch: PretrainingBatch, shared: Shared, options: TriBertOptions) {
  return scope(() => {
    const fusionRows = { ...batch.text, ids: batch.fusionMasked.ids }
    const textRows = { ...batch.text, ids: batch.textMasked.ids }
    const fusionStates = model.text.fusion(fusionRows, shared.visionTokens, options).at(-1)!
    const textStates = model.text.text(textRows, options).at(-1)!
    const fusionLogits = model.fusionTokenHead.apply(fusionStates)
    const textLogits = model.textTokenHead.apply(textStates)
    return {
      fusionStates,
      textStates,
      fusionLogits,
      textLogits,
      fusion: crossEntropy(fusionLogits, labels(fusionLogits, batch.fusionMasked)),
      text: crossEntropy(textLogits, labels(textLogits, batch.textMasked)),
    }
  })
}

/** The vision self-supervision on both views. */
export function superviseViews(model: Velvet, batch: PretrainingBatch, options: PretrainingOptions) {
  return scope(() => {
    const deepest = batch.views.map((view) => scope(() => model.vision.encode(view, options).at(-1)!))
    const [view1, view2] = deepest.map((map) => model.contrastHead.apply(pooled(map))) as [Tensor, Tensor]
    const both = concat(deepest, 0)
    const rotationLogits = model.rotationHead.apply(pooled(both))
    const reconstruction = model.reconstruction.apply(both)
    const losses = visionLosses({
      view1,
      view2,
      rotationLogits,
      turns: indices(both, Array.from(batch.turns)),
      reconstruction,
      target: batch.target,
      temperature: options.contrastTemperature,
    })
    return { deepest, view1, view2, rotationLogits, reconstruction, losses }
  })
}

/**
 * All objectives, every weight 1 as upstream: the global view is encoded once for the contrast, the matching and the
 * fusion; the clean text states serve the contrast and the matching.
 *
 * @param negatives drawn from the `weights` of {@link contrastLevels} (see `drawRows`); a pass without gradient gives
 * them before the step, or they come from any other rule
 */
export function pretrainingLosses(
  model: Velvet,
  batch: PretrainingBatch,
  negatives: Negatives,
  options: PretrainingOptions,
): PretrainingLosses {
  return scope(() => {
    const { report, sentence, word, shared } = contrastLevels(model, batch, options)
    const matching = matchPairs(model, shared, negatives, options).loss
    const tokens = predictTokens(model, batch, shared, options)
    const views = superviseViews(model, batch, options).losses
    const terms = {
      report: report.loss,
      sentence: sentence.loss,
      word: word.loss,
      matching,
      fusionTokens: tokens.fusion,
      ...views,
      textTokens: tokens.text,
    }
    return { ...terms, loss: total(Object.values(terms)) }
  })
}

const indices = (at: Tensor, values: readonly number[]): Tensor =>
  tensor(at.device, values, [values.length], { dtype: 'i32' })

const labels = (logits: Tensor, { labels: values }: MaskedTokens): Tensor =>
  reshape(indices(logits, Array.from(values)), logits.shape.slice(0, -1))

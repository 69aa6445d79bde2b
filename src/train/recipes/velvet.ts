/** VELVET-Med in its ablation ladder: one to three levels of contrast, matching, masked tokens, self-supervision. */
import { Generator, noGrad, scope, type Tensor, tensor, ValueError } from '../../engine/index.js'
import { argMax } from '../../kernels/argreduce/index.js'
import { add, cast, log, neg } from '../../kernels/elementwise/index.js'
import { concat } from '../../kernels/join/index.js'
import { reshape } from '../../kernels/layout/index.js'
import { l2Normalize } from '../../kernels/losses/index.js'
import { randomUniform } from '../../kernels/random/index.js'
import {
  augmentViews,
  describeWeights,
  drawMasking,
  globalView,
  localContrast,
  localCrop,
  maskTokens,
  matchingWeights,
  type Negatives,
  reportContrast,
  reportTokens,
  reportVector,
  type TokenRows,
  turnSamples,
  Velvet,
} from '../../models/index.js'
import { total } from '../../models/velvet/objectives.js'
import { matchPairs, type PretrainingBatch, predictTokens, superviseViews } from '../../models/velvet/pretraining.js'
import { pooled } from '../../models/velvet/velvet.js'
import type { BuildContext, Recipe } from '../recipe.js'
import type { EvaluationContext, HeldOutSplit, StepContext, TaskLoss, TrainingTask } from '../task.js'
import { sentencesOf } from './colipri.js'
import type { ProbeAccess } from './probing.js'
import { type RetrievalTask, retrievalScoresOf } from './retrieval.js'
import type { SampleSource, StudyData, StudySample } from './study-data.js'
import { checkVocabulary } from './texts.js'
import { rowsInBatches, rowsOf } from './vectors.js'
import {
  openVelvetData,
  SENTENCE_TOKENS,
  type VelvetOptions,
  velvetConfigOf,
  velvetSchema,
  withSentenceTokens,
} from './velvet-options.js'
import { zeroShotAuroc } from './zero-shot.js'

/** What a batch holds for the objectives in use. */
type VelvetBatch = Pick<PretrainingBatch, 'volume' | 'text'> & Partial<PretrainingBatch>

interface VelvetParts {
  readonly model: Velvet
  readonly data: StudyData
  readonly objective: VelvetOptions['objective']
  readonly evaluation: VelvetOptions['evaluation']
  readonly side: number
  readonly cropSide: number
}

class VelvetTask {
  readonly #parts: VelvetParts
  readonly #context: BuildContext
  readonly #tokens: Parameters<Velvet['projectText']>[2]

  constructor(parts: VelvetParts, context: BuildContext) {
    const { vocabulary, special } = parts.data.tokenizer
    this.#parts = parts
    this.#context = context
    this.#tokens = {
      startId: special.start,
      firstSentenceId: parts.model.config.text.firstSentenceId ?? Number.POSITIVE_INFINITY,
      isContinuation: (id) => vocabulary.token(id).startsWith('##'),
    }
  }

  collate(samples: readonly StudySample[], { seed }: StepContext): VelvetBatch {
    const { objective, cropSide } = this.#parts
    const generator = new Generator(seed)
    const volumes = samples.map(({ image, shape }) => tensor(this.#context.device, image, [1, ...shape, 1]))
    const text = this.#rows(samples.map(sentencesOf), generator)
    const crops =
      objective.selfSupervision &&
      concat(
        volumes.map((own) => localCrop(own, generator, cropSide)),
        0,
      )
    return {
      ...{ text, volume: this.#global(volumes) },
      ...(objective.maskedTokens && {
        fusionMasked: this.#masked(text, generator),
        textMasked: this.#masked(text, generator),
      }),
      ...(crops && this.#views(crops, generator)),
    }
  }

  loss(batch: VelvetBatch, { generator }: StepContext): TaskLoss {
    const { model, objective } = this.#parts
    const { levels, labelSmoothing, dropout } = objective
    const reading = { dropout: dropout > 0 ? { p: dropout, generator } : undefined }
    const seeing = { checkpointing: this.#context.checkpointing }
    const maps = model.vision.encode(batch.volume, seeing)
    const image = model.projectVolume(maps)
    const textStates = model.text.text(batch.text, reading).at(-1)!
    const text = model.projectText(batch.text, textStates, this.#tokens)
    const terms: Record<string, Tensor> = {
      report: reportContrast(image.report, text.report, model.temperature.value, { labelSmoothing }).loss,
    }
    if (levels !== 'report') terms.sentence = localContrast(image.sentence, text.sentence, text.sentenceCounts).loss
    if (levels === 'word') terms.word = localContrast(image.word, text.word, text.wordCounts).loss
    if (objective.matching || objective.maskedTokens) {
      const shared = { mask: model.text.mask(batch.text), textStates, visionTokens: model.visionTokens(maps) }
      if (objective.matching) {
        const weights = matchingWeights(image.report, text.report, model.temperature.value)
        terms.matching = matchPairs(model, shared, drawNegatives(weights, generator), reading).loss
      }
      if (objective.maskedTokens) {
        const { fusion, text: alone } = predictTokens(model, batch as PretrainingBatch, shared, reading)
        terms.fusionTokens = fusion
        terms.textTokens = alone
      }
    }
    if (objective.selfSupervision) {
      const options = { ...reading, ...seeing, tokens: this.#tokens }
      Object.assign(terms, superviseViews(model, batch as PretrainingBatch, options).losses)
    }
    return { loss: total(Object.values(terms)), metrics: terms }
  }

  /** Zero-shot AUROC where the studies have labels; retrieval of reports and scans where they have none, or it is asked for. */
  async evaluate(split: HeldOutSplit, context: EvaluationContext): Promise<Record<string, number>> {
    const { data, evaluation } = this.#parts
    const source = data.heldOut(split)
    const { findings } = data
    const embedImages = (samples: readonly StudySample[]) => rowsOf(() => this.#imageVectors(samples))
    const embedTexts = (texts: readonly string[]) => this.#textVectors(texts.map((text) => [text]))
    const embedSamples = async (samples: readonly StudySample[]) => (await embedImages(samples)).map((row) => () => row)
    const retrieval =
      evaluation.retrieval || findings.length === 0
        ? await retrievalScoresOf<StudySample>(this.#retrievalTask(source, embedImages), context)
        : {}
    if (findings.length === 0) return retrieval
    const zeroShot = { source, findings, labelsOf: ({ labels }: StudySample) => labels, embedSamples, embedTexts }
    return { ...(await zeroShotAuroc<StudySample>(zeroShot, context)), ...retrieval }
  }

  #retrievalTask(
    source: SampleSource,
    embedImages: (samples: readonly StudySample[]) => Promise<Float32Array[]>,
  ): RetrievalTask<StudySample> {
    const { matching, candidates } = this.#parts.evaluation
    const tokens: Float32Array[] = []
    const reports: string[][] = []
    return {
      source,
      embedSamples: async (samples) => {
        if (matching) tokens.push(...(await rowsOf(() => this.#flatTokens(samples))))
        return await embedImages(samples)
      },
      embedOwnTexts: (samples) => {
        const own = samples.map(sentencesOf)
        reports.push(...own)
        return this.#textVectors(own)
      },
      ...(matching && {
        reranking: {
          candidates,
          matchScores: async (pairs) => {
            const logits = await rowsInBatches(pairs, (part) =>
              this.#matchLogits(
                part.map(([scan]) => tokens[scan]!),
                part.map(([, text]) => reports[text]!),
              ),
            )
            return logits.map(([, together]) => together!)
          },
        },
      }),
    }
  }

  /** What the fusion layers see of volumes, a row for each. */
  #flatTokens(samples: readonly StudySample[]): Tensor {
    const { model } = this.#parts
    const tokens = model.visionTokens(model.vision.encode(this.#globalOf(samples)))
    return reshape(tokens, [samples.length, tokens.size / samples.length])
  }

  /** Logits `[N, 2]` of scan i and text i not belonging and belonging together. */
  #matchLogits(tokens: readonly Float32Array[], reports: readonly (readonly string[])[]): Tensor {
    const { model } = this.#parts
    const flat = concat(
      tokens.map((own) =>
        tensor(this.#context.device, own, [1, own.length / model.config.text.features, model.config.text.features]),
      ),
      0,
    )
    const states = model.text.fusion(this.#rows(reports), cast(flat, this.#context.dtype)).at(-1)!
    return model.matchHead.apply(reportVector(states))
  }

  /** Means of the deepest map. */
  features(samples: readonly StudySample[]): Promise<Float32Array[]> {
    const { model } = this.#parts
    return rowsOf(() => pooled(model.vision.encode(this.#globalOf(samples)).at(-1)!))
  }

  #imageVectors(samples: readonly StudySample[]): Tensor {
    const { model } = this.#parts
    return l2Normalize(model.projectVolume(model.vision.encode(this.#globalOf(samples))).report)
  }

  #globalOf(samples: readonly StudySample[]): Tensor {
    return this.#global(samples.map(({ image, shape }) => tensor(this.#context.device, image, [1, ...shape, 1])))
  }

  #textVectors(reports: readonly (readonly string[])[]): Promise<Float32Array[]> {
    const { model } = this.#parts
    return rowsInBatches(reports, (part) => model.embedText(this.#rows(part), this.#tokens).report)
  }

  #global(volumes: readonly Tensor[]): Tensor {
    const { side } = this.#parts
    const views = volumes.map((own) =>
      own.shape.slice(1, 4).every((size) => size === side) ? own : globalView(own, side),
    )
    return cast(concat(views, 0), this.#context.dtype)
  }

  #rows(reports: readonly (readonly string[])[], generator?: Generator): TokenRows {
    const { model, data, objective } = this.#parts
    const { positions, firstSentenceId } = model.config.text
    const { maxTokens = positions } = objective
    return reportTokens(reports, data.tokenizer, {
      maxTokens,
      firstSentenceId,
      generator,
      maxSentences: SENTENCE_TOKENS,
    })
  }

  #masked({ ids }: TokenRows, generator: Generator) {
    const { model, data } = this.#parts
    const { vocabulary, firstSentenceId } = model.config.text
    const { special } = data.tokenizer
    return maskTokens(ids, drawMasking(ids.length, vocabulary, generator), { special, firstSentenceId })
  }

  #views(crops: Tensor, generator: Generator): Pick<PretrainingBatch, 'views' | 'turns' | 'target'> {
    const { views, turns } = augmentViews(crops, generator)
    const stored = (x: Tensor) => cast(x, this.#context.dtype)
    const target = turnSamples(concat([crops, crops], 0), turns)
    return { turns, target, views: [stored(views[0]), stored(views[1])] }
  }
}

/** Draws from the distributions of hard negatives on the device: the largest of log-weights with Gumbel noise. */
function drawNegatives(weights: Record<keyof Negatives, Tensor>, generator: Generator): Negatives {
  const draw = (own: Tensor): Tensor => {
    if (own.shape[0] === 1) throw new ValueError('velvet: matching needs other samples: batches of 2 or more')
    // Away from 0 and 1, whose logarithms are not finite.
    const uniform = randomUniform(own.device, own.shape, { generator, low: 1e-6, high: 1 - 1e-6 })
    return cast(argMax(add(log(own), neg(log(neg(log(uniform)))))), 'i32')
  }
  return noGrad(() =>
    scope(() => ({ imageForText: draw(weights.imageForText), textForImage: draw(weights.textForImage) })),
  )
}

export const velvetRecipe: Recipe<VelvetOptions> = {
  name: 'velvet',
  doc: 'VELVET-Med: contrast of reports, sentences and words, matching, masked tokens, self-supervised views',
  schema: velvetSchema,
  // Defaults of the released code (reference velvet §5.8).
  trainDefaults: {
    optimizer: { name: 'adamw', lr: 2e-5, betas: [0.9, 0.98], weightDecay: 0.02 },
    schedule: { name: 'cosine', min: 1e-8 },
    decayVectors: true,
  },
  async build(options, context) {
    const { objective, evaluation, model: choice } = options
    const config = velvetConfigOf(choice)
    const { side = choice === 'published' ? 96 : 64, cropSide = choice === 'published' ? 96 : 32 } = options
    const opened = await openVelvetData(options.data, side)
    const data = { ...opened, tokenizer: withSentenceTokens(opened.tokenizer, config) }
    checkVocabulary(data.tokenizer, config.text.vocabulary)
    const model = new Velvet(context.device, { config, dtype: context.dtype }).initialize(context.seed)
    const own = new VelvetTask({ model, data, objective, evaluation, side, cropSide }, context)
    const task: TrainingTask<unknown, StudySample, VelvetBatch> & { readonly probe: ProbeAccess } = {
      probe: { data, features: (samples) => own.features(samples) },
      ...{ name: 'velvet', device: context.device, parameters: model.parameters.parameters, training: data.training },
      metadata: describeWeights({ model: 'velvet', config, vocabulary: data.tokenizer.vocabulary.tokens().join('\n') }),
      collate: (samples, step) => own.collate(samples, step),
      loss: (batch, step) => own.loss(batch, step),
      evaluate: (split, evaluation) => own.evaluate(split, evaluation),
      dispose: () => model.dispose(),
    }
    return task as TrainingTask
  },
}

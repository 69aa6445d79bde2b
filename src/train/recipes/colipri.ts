/** COLIPRI: contrast (C), report generation (R), masked image modelling (M) and opposite sentences (O). */
import { opposedSentences, SentencePool, type WordPieceTokenizer } from '../../data/index.js'
import { type Device, Generator, type Tensor, ValueError } from '../../engine/index.js'
import { add, mul } from '../../kernels/elementwise/index.js'
import { mean } from '../../kernels/reduce/index.js'
import {
  type Colipri,
  ColipriPretraining,
  describeWeights,
  drawKeptPatches,
  type KeptPatches,
  type OppositeTensors,
  type Parameter,
  type TextTensors,
} from '../../models/index.js'
import type { BuildContext, Recipe } from '../recipe.js'
import type {
  ContrastiveObjective,
  EvaluationContext,
  HeldOutSplit,
  RestOfObjective,
  StepContext,
  TaskLoss,
  TrainingTask,
} from '../task.js'
import { type ColipriOptions, colipriConfigOf, colipriSchema, type ObjectiveWeights } from './colipri-options.js'
import { contrastOwnRows } from './contrast.js'
import type { ProbeAccess } from './probing.js'
import { openReportData } from './report-data.js'
import type { StudyData, StudyPositives, StudySample } from './study-data.js'
import { scoresOfStudies } from './study-scores.js'
import {
  checkVocabulary,
  encodeReports,
  encodeTexts,
  type ReportTensors,
  reportSentences,
  sampleStream,
  shuffledReport,
} from './texts.js'
import { rowsInBatches, rowsOf, volumeBatch } from './vectors.js'

/** A batch, with what the objectives in use need. */
interface ColipriBatch {
  readonly volume: Tensor
  readonly text: TextTensors | undefined
  readonly report: ReportTensors | undefined
  readonly kept: KeptPatches | undefined
  readonly opposites: OppositeTensors | undefined
}

/** Positive sentences of the training studies, and all of them to borrow from. */
interface Opposites {
  readonly own: ReadonlyMap<string, StudyPositives>
  readonly pool: SentencePool
}

/** A term of the loss by its name among the metrics. */
interface Term {
  readonly name: string
  readonly weight: number
  readonly value: Tensor
}

interface Pair {
  readonly image: Tensor
  readonly text: Tensor
}

class ColipriTask implements TrainingTask<unknown, StudySample, ColipriBatch> {
  readonly name: string
  readonly device: Device
  readonly parameters: ReadonlyMap<string, Parameter>
  readonly metadata: Readonly<Record<string, string>>
  readonly training: StudyData['training']
  readonly contrast: ContrastiveObjective<ColipriBatch> | undefined
  readonly probe: ProbeAccess
  readonly #pretraining: ColipriPretraining
  readonly #model: Colipri
  readonly #data: StudyData
  readonly #objective: ColipriOptions['objective']
  readonly #opposites: Opposites | undefined
  readonly #dtype: BuildContext['dtype']

  constructor(
    name: string,
    pretraining: ColipriPretraining,
    parts: { data: StudyData; objective: ColipriOptions['objective']; opposites: Opposites | undefined },
    { device, dtype }: BuildContext,
  ) {
    const { model } = pretraining
    this.name = name
    this.device = device
    this.parameters = model.parameters.parameters
    this.metadata = describeWeights({
      ...{ model: 'colipri', config: model.config },
      vocabulary: parts.data.tokenizer.vocabulary.tokens().join('\n'),
    })
    this.training = parts.data.training
    this.#pretraining = pretraining
    this.#model = model
    this.#data = parts.data
    this.#objective = parts.objective
    this.#opposites = parts.opposites
    this.#dtype = dtype
    this.probe = {
      data: parts.data,
      features: (samples) => rowsOf(() => tokenMeans(model, volumeBatch(device, samples, dtype))),
    }
    this.contrast = parts.objective.contrast > 0 ? this.#contrastive() : undefined
  }

  get #tokenizer(): WordPieceTokenizer {
    return this.#data.tokenizer
  }

  collate(samples: readonly StudySample[], context: StepContext): ColipriBatch {
    const { contrast, generation, masking, opposites, dropped, shortening } = this.#objective
    const { maxTokens = this.#model.config.text.positions } = this.#objective
    const sentences = samples.map(sentencesOf)
    const shuffled = () =>
      sentences.map((own, n) => shuffledReport(own, sampleStream(context, 'sentences', n), shortening))
    const volume = volumeBatch(this.device, samples, this.#dtype)
    const count = this.#model.image.gridOf(volume.shape).reduce((product, size) => product * size, 1)
    const reports = sentences.map((own) => own.join(' '))
    return {
      volume,
      text: contrast > 0 ? encodeTexts(this.device, this.#tokenizer, shuffled(), maxTokens) : undefined,
      report: generation > 0 ? encodeReports(this.device, this.#tokenizer, reports, maxTokens) : undefined,
      kept: masking > 0 ? keptPatches({ samples: samples.length, count }, context, dropped) : undefined,
      opposites: opposites > 0 ? this.#opposed(samples, context, maxTokens) : undefined,
    }
  }

  loss(batch: ColipriBatch): TaskLoss {
    const { terms, embeddings } = this.#forward(batch)
    if (!embeddings) return weightedSum(terms)
    const { image, text } = embeddings
    return weightedSum([
      { name: 'contrast', weight: this.#objective.contrast, value: this.#pretraining.contrast(image, text) },
      ...terms,
    ])
  }

  evaluate(split: HeldOutSplit, context: EvaluationContext): Promise<Record<string, number>> {
    return scoresOfStudies(
      {
        data: this.#data,
        embedTexts: (texts) => this.embedTexts(texts),
        embedSamples: (samples) => rowsOf(() => this.#model.embedImage(volumeBatch(this.device, samples, this.#dtype))),
      },
      split,
      context,
    )
  }

  /** Unit vectors of texts, on the host. */
  embedTexts(texts: readonly string[]): Promise<Float32Array[]> {
    const { positions } = this.#model.config.text
    return rowsInBatches(texts, (part) => this.#embedText(encodeTexts(this.device, this.#tokenizer, part, positions)))
  }

  dispose(): void {
    this.#pretraining.dispose()
  }

  #embedText({ ids, mask }: TextTensors): Tensor {
    return this.#model.embedText(ids, mask)
  }

  /** One pass of the image tower serves every objective that looks at the whole image. */
  #forward(batch: ColipriBatch): { readonly terms: readonly Term[]; readonly embeddings: Pair | undefined } {
    const { generation, masking, opposites } = this.#objective
    const pretraining = this.#pretraining
    const terms: Term[] = []
    const projected = batch.text || batch.report || batch.opposites ? this.#model.projectImage(batch.volume) : undefined
    const pooled = batch.text || batch.opposites ? this.#model.pool([projected!]) : undefined
    if (batch.report) {
      const { ids, targets } = batch.report
      terms.push({ name: 'generation', weight: generation, value: pretraining.generation(projected!, ids, targets) })
    }
    if (batch.kept) {
      terms.push({ name: 'masking', weight: masking, value: pretraining.masking(batch.volume, batch.kept) })
    }
    if (batch.opposites) {
      terms.push({ name: 'opposites', weight: opposites, value: pretraining.opposites(pooled!, batch.opposites) })
    }
    return { terms, embeddings: batch.text && { image: pooled!, text: this.#embedText(batch.text) } }
  }

  #contrastive(): ContrastiveObjective<ColipriBatch> {
    const { contrast, generation, masking, opposites } = this.#objective
    return {
      embed: ({ volume, text }) => ({ image: this.#model.embedImage(volume), text: this.#embedText(text!) }),
      objective: ({ image, text }, { ownRows }) => {
        const value = contrastOwnRows(image!, text!, ownRows, this.#model.softmaxTemperature)
        return weightedSum([{ name: 'contrast', weight: contrast, value }])
      },
      rest: generation + masking + opposites > 0 ? this.#rest() : undefined,
    }
  }

  #rest(): RestOfObjective<ColipriBatch> {
    return {
      counts: ({ report, kept, opposites }) => ({
        ...(report && { generation: report.tokens }),
        ...(kept && { masking: kept.samples }),
        ...(opposites && { opposites: opposites.labels.filter((label) => label >= 0).length }),
      }),
      embed: (batch, _, shares) => {
        const { terms, embeddings } = this.#forward(batch)
        const shared = terms.map((term) => ({ ...term, value: mul(term.value, shares[term.name]!) }))
        return { embeddings: { ...embeddings! }, rest: weightedSum(shared) }
      },
    }
  }

  #opposed(samples: readonly StudySample[], context: StepContext, maxTokens: number): OppositeTensors {
    const { own, pool } = this.#opposites!
    const pairs = samples.flatMap(({ study, patient }, n) => {
      const random = sampleStream(context, 'opposites', n)
      return opposedSentences(
        { patient, sections: own.get(study)?.sections ?? {} },
        pool,
        random,
        this.#objective.slots,
      )
    })
    const encode = (texts: readonly string[]) => encodeTexts(this.device, this.#tokenizer, texts, maxTokens)
    return {
      positive: encode(pairs.map(({ positive }) => positive)),
      negative: encode(pairs.map(({ negative }) => negative)),
      labels: Int32Array.from(pairs, ({ label }) => label),
    }
  }
}

const weightedSum = (terms: readonly Term[]): TaskLoss => ({
  loss: terms.map(({ value, weight }) => mul(value, weight)).reduce(add),
  metrics: Object.fromEntries(terms.map(({ name, value }) => [name, value])),
})

/** Every sample takes one draw, so that a chunk begins where those before it end. */
const keptPatches = (
  sizes: Pick<KeptPatches, 'samples' | 'count'>,
  { stepSeed, firstSample }: StepContext,
  dropped: number,
): KeptPatches => drawKeptPatches(sizes, new Generator(stepSeed, firstSample), dropped)

/** The mean of the backbone's tokens, `[N, features]`. */
export const tokenMeans = (model: Colipri, volume: Tensor): Tensor =>
  mean(model.image.encode(volume).tokens, { axes: 1 })

/** The sentences of a sample's report. Throws a {@link ValueError} where it has none. */
export function sentencesOf({ study, report }: StudySample): string[] {
  if (!report) throw new ValueError(`${study}: has no report to learn from`)
  return reportSentences(report)
}

/** A COLIPRI with some of its objectives. */
function colipriRecipe(name: string, doc: string, defaults: ObjectiveWeights): Recipe<ColipriOptions> {
  return {
    ...{ name, doc, schema: colipriSchema(defaults), trainDefaults: primusDefaults },
    async build({ model, data: dataOptions, objective }, context) {
      const config = { ...colipriConfigOf(model), softmaxTemperature: objective.temperature }
      const data = await openReportData(dataOptions, config)
      checkVocabulary(data.tokenizer, config.text.vocabulary)
      const opposites = objective.opposites > 0 ? await openOpposites(data) : undefined
      const pretraining = new ColipriPretraining(context.device, {
        ...{ config, dtype: context.dtype },
        ...(objective.generation > 0 && { reports: objective.decoder }),
        ...(objective.masking > 0 && { masked: { blocks: objective.maskedBlocks } }),
      })
      pretraining.model.image.checkpointing = context.checkpointing
      pretraining.model.initialize(context.seed)
      return new ColipriTask(name, pretraining, { data, objective, opposites }, context) as TrainingTask
    },
  }
}

/** What nnssl trains Primus-M with (reference colipri §5.3); COLIPRI's own settings are unknown. */
export const primusDefaults = {
  optimizer: { name: 'adamw', lr: 3e-4, weightDecay: 0.05, betas: [0.9, 0.98] },
  clip: 1,
} as const

async function openOpposites(data: StudyData): Promise<Opposites> {
  const own = await data.positives()
  const pool = new SentencePool()
  for (const { patient, sections } of own.values()) pool.add(patient, sections)
  return { own, pool }
}

const without = { contrast: 1, generation: 0, masking: 0, opposites: 0 }

export const colipriRecipes: readonly Recipe[] = [
  colipriRecipe('colipri-c', 'COLIPRI with its contrastive objective alone', without),
  colipriRecipe('colipri-cr', 'COLIPRI with contrast and report generation', { ...without, generation: 1 }),
  colipriRecipe('colipri-cm', 'COLIPRI with contrast and masked image modelling', { ...without, masking: 1 }),
  colipriRecipe('colipri-crm', 'COLIPRI with contrast, report generation and masked image modelling', {
    ...without,
    ...{ generation: 1, masking: 1 },
  }),
] as readonly Recipe[]

/** fVLM: every anatomy of a scan is contrasted with its own caption. */
import { z } from 'zod'
import { fvlmPreprocessing, phantomFindings, phantomPrompts } from '../../data/index.js'
import { findingFacts } from '../../data/phantom/index.js'
import {
  describeWeights,
  embedOrgans,
  embedTexts,
  Fvlm,
  type FvlmBatch,
  type FvlmConfig,
  fvlmConfigSchema,
  fvlmFindings,
  fvlmPublished,
  type Parameter,
  promptPair,
} from '../../models/index.js'
import type { BuildContext, Recipe } from '../recipe.js'
import type { TrainingTask } from '../task.js'
import { organDataSchema, phantomDataSchema } from './data-options.js'
import { spreadObjective, wholeLoss } from './fvlm-objective.js'
import { ctRateOrgans, type OrganSample, phantomOrgans } from './organ-data.js'
import { checkVocabulary } from './texts.js'
import { volumeBatch } from './vectors.js'
import { type FindingPromptTexts, zeroShotAuroc } from './zero-shot.js'

/** For phantoms at 6 mm: the anatomies that have findings there. */
export const fvlmPhantom: FvlmConfig = {
  anatomies: [...new Set(phantomFindings.map((name) => findingFacts[name].anatomy))],
  vision: {
    ...{ patch: [8, 8, 8], trainingGrid: [8, 6, 8], features: 96, depth: 4, heads: 4 },
    ...{ hiddenFeatures: 256, taps: [1, 2], dropout: 0 },
  },
  ...{ poolingHeads: 4, poolingDropout: 0, projectionFeatures: 96 },
  text: {
    ...{ vocabulary: 512, features: 96, layers: 2, heads: 4, hiddenFeatures: 192 },
    ...{ positions: 128, length: 128, dropout: 0 },
  },
  evaluationWindow: [64, 48, 64],
}

const fvlmModels = { published: fvlmPublished, phantom: fvlmPhantom }

const triple = z.tuple([z.number().positive(), z.number().positive(), z.number().positive()])

const preprocessingSchema = z.strictObject({
  /** Along right to left, anterior to posterior, inferior to superior. */
  spacingMm: triple,
  windowHu: z.tuple([z.number(), z.number()]),
  /** Voxels kept around the anatomies, along D, H, W. */
  margin: z.tuple([z.int().min(0), z.int().min(0), z.int().min(0)]),
  /** Scans are filled up to at least this, along D, H, W. */
  leastExtents: z.tuple([z.int().min(1), z.int().min(1), z.int().min(1)]),
})

const phantomPreprocessing: z.output<typeof preprocessingSchema> = {
  ...{ spacingMm: [6, 6, 6], windowHu: [-1150, 350], margin: [1, 1, 1], leastExtents: [64, 48, 64] },
}

const fvlmSchema = z.strictObject({
  model: z.union([z.enum(['published', 'phantom']), fvlmConfigSchema]).default('phantom'),
  data: z.discriminatedUnion('source', [phantomDataSchema, organDataSchema]).prefault({ source: 'phantoms' }),
  /** Default: that of the release for the published model, else 6 mm. */
  preprocessing: preprocessingSchema.optional(),
  /** Probability of a flip, for each axis. The release's is 0.2. */
  flipProbability: z.number().min(0).max(1).default(0.2),
  objective: z
    .strictObject({
      /** The paper's co-teaching in our reading: trains a second model beside, twice the time and memory. Default off. */
      coTeaching: z.strictObject({ alpha: z.number().min(0).max(1).default(0.5) }).optional(),
    })
    .prefault({}),
})

type FvlmOptions = z.output<typeof fvlmSchema>

export const fvlmRecipe: Recipe<FvlmOptions> = {
  name: 'fvlm',
  doc: 'fVLM: each anatomy of a scan with its own caption, normal ones counted as one',
  schema: fvlmSchema,
  // Of the released code (reference fvlm §5); its decay is the default that its own setting does not reach.
  trainDefaults: {
    optimizer: { name: 'adamw', lr: 1e-4, weightDecay: 0.01, betas: [0.9, 0.999] },
    schedule: { name: 'epochCosine', warmup: 1, warmupStart: 1e-6, min: 1e-6 },
    decayVectors: true,
  },
  build: buildFvlm,
}

/** Captions of the batch by anatomy, in the order of the samples. */
const captionsOf = (samples: readonly OrganSample[], anatomies: readonly string[]): FvlmBatch['captions'] =>
  Object.fromEntries(anatomies.map((anatomy) => [anatomy, samples.map(({ captions }) => captions[anatomy]!)]))

interface AnatomyPrompts extends FindingPromptTexts {
  readonly anatomy: string
}

const phantomPromptsByAnatomy = (): AnatomyPrompts[] =>
  phantomFindings.map((finding) => ({ finding, anatomy: findingFacts[finding].anatomy, ...phantomPrompts(finding) }))

const ctRatePrompts = (): AnatomyPrompts[] =>
  fvlmFindings.map((finding) => {
    const [absent, present] = promptPair(finding)
    return { finding: finding.label, anatomy: finding.anatomy, present: [present], absent: [absent] }
  })

/** Another start than the model's own. */
const peerSeed = (seed: number): number => (seed ^ 0x9e3779b9) >>> 0

/** The model's under the published names, its peer's behind `peer.`, which loading a model passes over. */
const parametersOf = (models: readonly Fvlm[]): Map<string, Parameter> =>
  new Map(
    models.flatMap((model, m) =>
      [...model.parameters.parameters].map(
        ([name, parameter]) => [m === 0 ? name : `peer.${name}`, parameter] as const,
      ),
    ),
  )

async function buildFvlm(options: FvlmOptions, context: BuildContext): Promise<TrainingTask> {
  const { device, dtype, seed } = context
  const { data: given, flipProbability } = options
  const config = typeof options.model === 'string' ? fvlmModels[options.model] : options.model
  const preprocessing =
    options.preprocessing ?? (options.model === 'published' ? fvlmPreprocessing : phantomPreprocessing)
  const grid = { config, preprocessing, flipProbability }
  const data = given.source === 'phantoms' ? phantomOrgans(given, grid) : await ctRateOrgans(given, grid)
  const { tokenizer } = data
  checkVocabulary(tokenizer, config.text.vocabulary)
  const prompts = given.source === 'phantoms' ? phantomPromptsByAnatomy() : ctRatePrompts()
  const findings = prompts.filter(({ anatomy }) => config.anatomies.includes(anatomy))
  const anatomyOf = new Map(findings.map(({ finding, anatomy }) => [finding, anatomy]))
  const { coTeaching } = options.objective
  const models = (coTeaching ? [seed, peerSeed(seed)] : [seed]).map((own) => {
    const made = new Fvlm(device, { config, dtype }).initialize(own)
    made.vision.checkpointing = context.checkpointing
    return made
  })
  const model = models[0]!
  const objective = { models, tokenizer, alpha: coTeaching?.alpha ?? 0 }
  const task: TrainingTask<unknown, OrganSample, FvlmBatch> = {
    ...{ name: 'fvlm', device, parameters: parametersOf(models), training: data.training },
    metadata: describeWeights({ model: 'fvlm', config, vocabulary: tokenizer.vocabulary.tokens().join('\n') }),
    collate: (samples) => {
      const { extents } = samples[0]!
      const voxels = extents[0] * extents[1] * extents[2]
      const labels = new Uint8Array(samples.length * voxels)
      for (const [n, sample] of samples.entries()) labels.set(sample.labels, n * voxels)
      const volumes = samples.map(({ image }) => ({ image, shape: extents }))
      return {
        image: volumeBatch(device, volumes, dtype),
        mask: { labels, samples: samples.length, extents },
        captions: captionsOf(samples, config.anatomies),
      }
    },
    loss: (batch, step) => wholeLoss(objective, batch, step),
    contrast: spreadObjective(objective),
    evaluate: (split, evaluation) =>
      zeroShotAuroc<OrganSample>(
        {
          ...{ findings, source: data.heldOut(split) },
          labelsOf: (sample) => sample.findings,
          embedTexts: (texts) => embedTexts(model, tokenizer, texts),
          embedSamples: async (samples) => {
            const vectors = []
            for (const sample of samples) {
              const { organs } = await embedOrgans(model, sample)
              const byAnatomy = new Map(organs.map(({ anatomy, embedding }) => [anatomy, embedding]))
              vectors.push((finding: string) => byAnatomy.get(anatomyOf.get(finding)!))
            }
            return vectors
          },
        },
        evaluation,
      ),
    dispose: () => {
      for (const made of models) made.dispose()
    },
  }
  return task as TrainingTask
}

/** fVLM: every anatomy of a scan is contrasted with its own caption. */
import { z } from 'zod'
import { fvlmPreprocessing, phantomFindings, phantomPrompts } from '../../data/index.js'
import { findingFacts } from '../../data/phantom/index.js'
import { full, NotSupportedError, type Tensor } from '../../engine/index.js'
import { cast, maximum, minimum, mul } from '../../kernels/elementwise/index.js'
import {
  describeWeights,
  embedBatch,
  embedOrgans,
  embedTexts,
  Fvlm,
  type FvlmBatch,
  type FvlmConfig,
  fvlmConfigSchema,
  fvlmFindings,
  fvlmLoss,
  fvlmPublished,
  promptPair,
  temperatureBounds,
} from '../../models/index.js'
import type { BuildContext, Recipe } from '../recipe.js'
import type { TrainingTask } from '../task.js'
import { organDataSchema, phantomDataSchema } from './data-options.js'
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

/** The temperature within the bounds that the release moves it into before each step. */
function bounded(temperature: Tensor): Tensor {
  const [low, high] = temperatureBounds.map((bound) => full(temperature.device, [], bound)) as [Tensor, Tensor]
  return minimum(maximum(cast(temperature, 'f32'), low), high)
}

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

async function buildFvlm(options: FvlmOptions, context: BuildContext): Promise<TrainingTask> {
  const { device, dtype, seed } = context
  const { data: given, flipProbability } = options
  if (context.checkpointing) {
    throw new NotSupportedError(
      'fvlm: has no activation checkpointing: leave train.checkpointing out, or take smaller batches',
    )
  }
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
  const model = new Fvlm(device, { config, dtype })
  model.initialize(seed)
  const task: TrainingTask<unknown, OrganSample, FvlmBatch> = {
    ...{ name: 'fvlm', device, parameters: model.parameters.parameters, training: data.training },
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
    loss: (batch, { generator }) => {
      const organs = embedBatch(model, tokenizer, batch, { dropping: model.dropping(generator) })
      const temperature = bounded(model.temperature.value)
      // A batch that teaches nothing has loss 0 and leaves no gradient but a zero.
      return { loss: fvlmLoss(organs, temperature) ?? mul(temperature, 0) }
    },
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
    dispose: () => model.dispose(),
  }
  return task as TrainingTask
}

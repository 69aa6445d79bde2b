/** Sections of the VELVET-Med recipe, and where its data come from. */
import { z } from 'zod'
import {
  openM3dCap,
  type PreprocessStep,
  readTokenizer,
  type Split,
  type StudyItem,
  Vocabulary,
  WordPieceTokenizer,
} from '../../data/index.js'
import { ValueError } from '../../engine/index.js'
import {
  m3dPreprocessing,
  type VelvetConfig,
  velvetConfigSchema,
  velvetPublished,
  velvetVision,
} from '../../models/index.js'
import { m3dCapDataSchema, phantomDataSchema } from './data-options.js'
import { besideModule } from './modules.js'
import {
  phantomShape,
  phantomStudies,
  type SampleSource,
  type StudyData,
  studiesWithReport,
  studyItems,
} from './study-data.js'

const count = z.int().min(1)

/** Most sentences of a report that have a token of their own. */
export const SENTENCE_TOKENS = 50

/** For phantoms at 6 mm: patches of 4 voxels, three stages. The vocabulary and its sentence tokens are set when built. */
export const velvetPhantom: VelvetConfig = {
  vision: { ...velvetVision.Tv, features: 24, depths: [2, 2, 2], heads: [2, 4, 8], window: 4, patch: 4 },
  text: {
    ...{ vocabulary: 512, features: 96, hiddenFeatures: 192, textLayers: 2, fusionLayers: 1 },
    ...{ heads: 4, positions: 256, tokenTypes: SENTENCE_TOKENS + 1, firstSentenceId: 512 - SENTENCE_TOKENS },
  },
  projectionFeatures: 64,
}

/** The ablation ladder: how many levels are contrasted, and what comes on top. */
export const velvetSchema = z.strictObject({
  model: z.union([z.enum(['published', 'phantom']), velvetConfigSchema]).default('phantom'),
  data: z.discriminatedUnion('source', [phantomDataSchema, m3dCapDataSchema]).prefault({ source: 'phantoms' }),
  objective: z
    .strictObject({
      /** `report`; `sentence`: and sentences with regions; `word`: and words with finer regions. */
      levels: z.enum(['report', 'sentence', 'word']).default('word'),
      /** Whether a scan and a text belong together, told from fused states. */
      matching: z.boolean().default(true),
      /** Masked tokens, with the scan and without. */
      maskedTokens: z.boolean().default(true),
      /** Two views of a crop: contrast, rotation, reconstruction. */
      selfSupervision: z.boolean().default(true),
      labelSmoothing: z.number().min(0).lt(1).default(0.1),
      /** Of the text layers, hidden states and attention. */
      dropout: z.number().min(0).lt(1).default(0.1),
      /** Most tokens of a report. Default: all positions. */
      maxTokens: count.optional(),
    })
    .prefault({}),
  /** How held-out studies are judged. */
  evaluation: z
    .strictObject({
      /** Recall of reports and scans also where the studies have labels; where they have none it is all there is. */
      retrieval: z.boolean().default(false),
      /** Adds the logit of belonging together to the cosines of each query's best candidates: a fusion pass for each. */
      matching: z.boolean().default(false),
      candidates: count.default(256),
    })
    .prefault({}),
  /** Voxels of the global view and of local crops along each side. Default: 96 for the published model, else 64 and 32. */
  side: count.optional(),
  cropSide: count.optional(),
})

export type VelvetOptions = z.output<typeof velvetSchema>

export const velvetConfigOf = (model: VelvetOptions['model']): VelvetConfig =>
  typeof model === 'string' ? { published: velvetPublished, phantom: velvetPhantom }[model] : model

/** HU that the eight bits of a picture would hold: wide enough for lungs and bones. The published window is unknown. */
const PHANTOM_WINDOW_HU = [-1000, 1000] as const

/** Studies for VELVET-Med: volumes from 0 to 1; those of M3D-Cap differ in size. */
export async function openVelvetData(data: VelvetOptions['data'], side: number): Promise<StudyData> {
  if (data.source === 'phantoms') {
    const [low, high] = PHANTOM_WINDOW_HU
    const steps: PreprocessStep[] = [
      { kind: 'orient', codes: 'RAS' },
      { kind: 'clamp', min: low, max: high },
      { kind: 'scale', from: [low, high], to: [0, 1] },
      { kind: 'cropOrPad', size: [side, side, side], value: 0 },
    ]
    return phantomStudies(data, { shape: phantomShape(384 / side), steps })
  }
  const dataset = await openM3dCap(data.folder, { minSlices: data.minSlices })
  const steps = { thick: m3dPreprocessing([1, 1, 1], { side }), thin: m3dPreprocessing([1, 1, 0.5], { side }) }
  const source = (split: Split): SampleSource => ({
    items: studyItems(studiesWithReport(dataset, split), true),
    task: { module: besideModule('picture-task'), data: { steps } },
    nameOf: (item) => (item as StudyItem).name,
  })
  return {
    ...{ training: source('train'), heldOut: source, findings: [] },
    tokenizer: await readTokenizer(data.vocabulary),
    positives: async () => new Map(),
  }
}

/**
 * A tokenizer whose sentence tokens have the ids that a configuration gives them: words that are never met fill the ids up
 * to the first of them.
 */
export function withSentenceTokens({ vocabulary }: WordPieceTokenizer, { text }: VelvetConfig): WordPieceTokenizer {
  const { firstSentenceId, vocabulary: size } = text
  if (firstSentenceId === undefined || vocabulary.id('[SEN_1]') !== undefined) return new WordPieceTokenizer(vocabulary)
  if (vocabulary.size > firstSentenceId) {
    throw new ValueError(
      `model.text.firstSentenceId is ${firstSentenceId}, the vocabulary has ${vocabulary.size} words`,
    )
  }
  const unused = Array.from({ length: firstSentenceId - vocabulary.size }, (_, n) => `[unused_${n + 1}]`)
  const sentences = Array.from({ length: size - firstSentenceId }, (_, n) => `[SEN_${n + 1}]`)
  return new WordPieceTokenizer(new Vocabulary([...vocabulary.tokens(), ...unused]), { addedTokens: sentences })
}

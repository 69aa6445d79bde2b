/** Sections of the COLIPRI recipes. */
import { z } from 'zod'
import { type ColipriConfig, colipriConfigSchema, colipriPublished, colipriTiny } from '../../models/index.js'
import { ctRateDataSchema, phantomDataSchema, tableDataSchema } from './data-options.js'

const count = z.int().min(1)
const weight = z.number().min(0)

/** Architectures by name: the published one, one for phantoms at 6 mm, and one that trains in a minute anywhere. */
export const colipriModels = {
  published: colipriPublished,
  phantom: { ...colipriTiny, text: { ...colipriTiny.text, vocabulary: 512, positions: 256 } },
  smoke: {
    ...colipriTiny,
    image: { ...colipriTiny.image, inputSize: [32, 32, 32], spacingMm: [12, 12, 12], features: 48, depth: 2, heads: 2 },
    projectionFeatures: 48,
    text: {
      ...{ vocabulary: 512, layers: 1, heads: 2, hiddenFeatures: 96 },
      ...{ positions: 256, tokenTypes: 2, poolerHeads: 2 },
    },
  },
} as const satisfies Record<string, ColipriConfig>

export const colipriModelSchema = z
  .union([z.enum(['published', 'phantom', 'smoke']), colipriConfigSchema])
  .default('phantom')

export const reportDataSchema = z
  .discriminatedUnion('source', [phantomDataSchema, ctRateDataSchema, tableDataSchema])
  .prefault({ source: 'phantoms' })

export const colipriConfigOf = (model: z.output<typeof colipriModelSchema>): ColipriConfig =>
  typeof model === 'string' ? colipriModels[model] : model

/** Weights of the objectives; 0 leaves one out, decoder and all. */
export interface ObjectiveWeights {
  readonly contrast: number
  readonly generation: number
  readonly masking: number
  readonly opposites: number
}

/** Published are the objectives; their weights and sizes are not, so that every default here is ours. */
export const colipriSchema = (defaults: ObjectiveWeights) =>
  z.strictObject({
    model: colipriModelSchema,
    data: reportDataSchema,
    objective: z
      .strictObject({
        contrast: weight.default(defaults.contrast),
        generation: weight.default(defaults.generation),
        masking: weight.default(defaults.masking),
        opposites: weight.default(defaults.opposites),
        /** What similarities are divided by. */
        temperature: z.number().positive().default(0.07),
        /** Part of the reports of which only some sentences are taken for the contrast. */
        shortening: z.number().min(0).max(1).default(0.5),
        /** Most tokens of a report; longer ones lose their end. Default: all positions of the text tower. */
        maxTokens: count.optional(),
        decoder: z
          .strictObject({ layers: count.default(2), heads: count.default(4), hiddenFeatures: count.default(256) })
          .prefault({}),
        /** Part of the patches that masked image modelling drops. */
        dropped: z.number().min(0).lt(1).default(0.75),
        maskedBlocks: count.default(2),
        /** Pairs of opposed sentences of a study. */
        slots: count.default(8),
      })
      .prefault({})
      .refine((given) => given.contrast + given.generation + given.masking + given.opposites > 0, {
        message: 'all objectives have weight 0',
      }),
  })

export type ColipriOptions = z.output<ReturnType<typeof colipriSchema>>

import { z } from 'zod'

const positive = z.number().int().positive()
const triple = z.tuple([positive, positive, positive])

/** What fixes the architecture of a COLIPRI model and how scans are brought to it. */
export const colipriConfigSchema = z.strictObject({
  image: z.strictObject({
    /** Voxels of the network's input along its three axes (superior, anterior, right). */
    inputSize: triple,
    spacingMm: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]),
    patch: triple,
    features: positive,
    depth: positive,
    heads: positive,
    /** Hidden features of a block per feature; the product is rounded down. */
    mlpRatio: z.number().positive(),
    layerScale: z.number(),
    poolerHeads: positive,
  }),
  /** Length of an embedding. */
  projectionFeatures: positive,
  text: z.strictObject({
    vocabulary: positive,
    layers: positive,
    heads: positive,
    hiddenFeatures: positive,
    positions: positive,
    tokenTypes: positive,
    poolerHeads: positive,
  }),
})

export type ColipriConfig = z.infer<typeof colipriConfigSchema>

/** microsoft/colipri (COLIPRI-CRM) as published: 258,367,104 parameters. */
export const colipriPublished: ColipriConfig = {
  image: {
    inputSize: [192, 192, 192],
    spacingMm: [2, 2, 2],
    patch: [8, 8, 8],
    features: 864,
    depth: 16,
    heads: 12,
    mlpRatio: 8 / 3,
    layerScale: 0.1,
    poolerHeads: 12,
  },
  projectionFeatures: 768,
  text: {
    vocabulary: 30522,
    layers: 12,
    heads: 12,
    hiddenFeatures: 3072,
    positions: 512,
    tokenTypes: 2,
    poolerHeads: 12,
  },
}

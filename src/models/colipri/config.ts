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
  /** What similarities are divided by before the softmax, where the weights do not bring it. Default 1. */
  softmaxTemperature: z.number().positive().optional(),
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

/** Every part of COLIPRI, small, at 6 mm: seconds on a CPU. For trying things out with random weights. */
export const colipriTiny: ColipriConfig = {
  image: {
    ...colipriPublished.image,
    inputSize: [64, 64, 64],
    spacingMm: [6, 6, 6],
    features: 96,
    depth: 4,
    heads: 4,
    poolerHeads: 4,
  },
  projectionFeatures: 96,
  text: {
    vocabulary: 256,
    layers: 2,
    heads: 4,
    hiddenFeatures: 192,
    positions: 128,
    tokenTypes: 2,
    poolerHeads: 4,
  },
}

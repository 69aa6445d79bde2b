import { z } from 'zod'

const positive = z.number().int().positive()
const triple = z.tuple([positive, positive, positive])
const probability = z.number().min(0).max(1)
const lengths = z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]).readonly()
const counts = z.tuple([z.int().min(0), z.int().min(0), z.int().min(0)]).readonly()

/** From scans to the grid of an fVLM: what `prepareFvlmScan` of the data layer takes. */
export const fvlmPreprocessingSchema = z.strictObject({
  /** Along right to left, anterior to posterior, inferior to superior. */
  spacingMm: lengths,
  windowHu: z.tuple([z.number(), z.number()]).readonly(),
  /** Voxels kept around the anatomies, along D, H, W. */
  margin: counts,
  /** Scans are filled up to at least this, along D, H, W. */
  leastExtents: triple.readonly(),
})

/** What fixes the architecture of an fVLM and how scans are brought to it. Extents are in the order D, H, W. */
export const fvlmConfigSchema = z
  .strictObject({
    /** Names of the anatomies; the mask has number i + 1 for the i-th. */
    anatomies: z.array(z.string().min(1)).min(1),
    vision: z.strictObject({
      patch: triple,
      /** Patches of a training crop: the extents of the position table. */
      trainingGrid: triple,
      features: positive,
      depth: positive,
      heads: positive,
      hiddenFeatures: positive,
      /** Blocks, from 0, behind which the residual stream is pooled as well; in rising order. */
      taps: z.array(z.number().int().nonnegative()),
      dropout: probability,
    }),
    poolingHeads: positive,
    poolingDropout: probability,
    /** Length of an embedding. */
    projectionFeatures: positive,
    text: z.strictObject({
      vocabulary: positive,
      features: positive,
      layers: positive,
      heads: positive,
      hiddenFeatures: positive,
      positions: positive,
      /** Most tokens of a text; longer ones lose their end. */
      length: positive,
      dropout: probability,
    }),
    /** Smallest evaluation window, in voxels. */
    evaluationWindow: triple,
    /** How the scans of its training were prepared. Default: as those of the published model. */
    preprocessing: fvlmPreprocessingSchema.optional(),
  })
  .refine(({ vision }) => vision.taps.every((block) => block < vision.depth), {
    message: 'every tap must be a block of the tower',
    path: ['vision', 'taps'],
  })
  .refine(({ text }) => text.length <= text.positions, {
    message: 'length must not exceed positions',
    path: ['text', 'length'],
  })

export type FvlmConfig = z.infer<typeof fvlmConfigSchema>

/** The published model (`model.pth`, trained on CT-RATE): 204,534,273 parameters. */
export const fvlmPublished: FvlmConfig = {
  anatomies: ['lung', 'heart', 'esophagus', 'aorta'],
  vision: {
    patch: [16, 16, 32],
    trainingGrid: [7, 16, 11],
    features: 768,
    depth: 12,
    heads: 12,
    hiddenFeatures: 3072,
    taps: [3, 6, 9],
    dropout: 0.1,
  },
  poolingHeads: 4,
  poolingDropout: 0.1,
  projectionFeatures: 256,
  text: {
    vocabulary: 30522,
    features: 768,
    layers: 12,
    heads: 12,
    hiddenFeatures: 3072,
    positions: 512,
    length: 384,
    dropout: 0.25,
  },
  evaluationWindow: [112, 288, 352],
}

/** The same kind of model, small: to try everything out with random weights. */
export const fvlmTiny: FvlmConfig = {
  ...fvlmPublished,
  vision: {
    ...fvlmPublished.vision,
    trainingGrid: [2, 4, 2],
    features: 48,
    depth: 3,
    heads: 3,
    hiddenFeatures: 96,
    taps: [0, 1],
  },
  projectionFeatures: 32,
  text: { ...fvlmPublished.text, vocabulary: 160, features: 48, layers: 2, heads: 4, hiddenFeatures: 96 },
  evaluationWindow: [32, 64, 64],
}

/** Smallest extents of a prepared scan: those of a training crop. */
export const trainingCrop = ({ vision }: FvlmConfig): [number, number, number] =>
  vision.patch.map((size, axis) => size * vision.trainingGrid[axis]!) as [number, number, number]

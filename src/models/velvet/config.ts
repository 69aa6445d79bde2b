import { z } from 'zod'

const positive = z.number().int().positive()
const perStage = z.array(positive).min(1)

/**
 * Which of the eight corners of a 2 x 2 x 2 cell patch merging reads, in which order. The weights look the same for all
 * three, so the choice is stored with them and never guessed: `legacy` is MONAI up to 1.4 (two corners twice, two never),
 * with which VELVET-Med and NVIDIA's `model_swinvit.pt` were trained; `fixed` is MONAI 1.5 and later; `v2` is MONAI's
 * "mergingv2".
 */
export const mergingSchema = z.enum(['legacy', 'fixed', 'v2'])
export type Merging = z.infer<typeof mergingSchema>

export const swinConfigSchema = z.strictObject({
  inChannels: positive,
  /** Channels after the patch embedding; they double at the end of every stage. */
  features: positive,
  /** Blocks of each stage. */
  depths: perStage,
  /** Heads of each stage. */
  heads: perStage,
  /** Voxels of the patch grid along each side of an attention window. */
  window: positive,
  patch: positive,
  /** Hidden features of a block per feature. */
  mlpRatio: z.number().positive(),
  merging: mergingSchema,
})
export type SwinConfig = z.infer<typeof swinConfigSchema>

export const triBertConfigSchema = z.strictObject({
  vocabulary: positive,
  features: positive,
  hiddenFeatures: positive,
  /** Layers of self-attention alone. */
  textLayers: positive,
  /** Layers behind them that also look at the volume. */
  fusionLayers: z.number().int().nonnegative(),
  /** The authors' 6, although the weights they start from have 12: never inferred from the width. */
  heads: positive,
  positions: positive,
  tokenTypes: positive,
  /** Id of [SEN_1]; undefined without sentence tokens. */
  firstSentenceId: positive.optional(),
})
export type TriBertConfig = z.infer<typeof triBertConfigSchema>

/** What fixes the architecture of a VELVET-Med model. */
export const velvetConfigSchema = z.strictObject({
  vision: swinConfigSchema,
  text: triBertConfigSchema,
  /** Length of the vectors of all three levels. */
  projectionFeatures: positive,
})
export type VelvetConfig = z.infer<typeof velvetConfigSchema>

const swin: Omit<SwinConfig, 'features' | 'depths' | 'heads'> = {
  inChannels: 1,
  window: 7,
  patch: 2,
  mlpRatio: 4,
  merging: 'legacy',
}

/** The three sizes of the vision encoder: 8.1, 22.9 and 88.2 million parameters. */
export const velvetVision = {
  Tv: { ...swin, features: 48, depths: [2, 2, 2, 2], heads: [3, 6, 12, 24] },
  Sv: { ...swin, features: 48, depths: [2, 8, 8, 8], heads: [4, 8, 16, 32] },
  Bv: { ...swin, features: 96, depths: [2, 8, 8, 8], heads: [4, 8, 16, 32] },
} satisfies Record<string, SwinConfig>

/** TriBERT with 12 text layers (`Bt`): 165.7 million parameters. */
export const triBertPublished: TriBertConfig = {
  vocabulary: 30572,
  features: 768,
  hiddenFeatures: 3072,
  textLayers: 12,
  fusionLayers: 6,
  heads: 6,
  positions: 512,
  tokenTypes: 51,
  firstSentenceId: 30522,
}

/** The full method, `visiontext_allitc_mmssl_visssl_txtssl_BtSv`. */
export const velvetPublished: VelvetConfig = {
  vision: velvetVision.Sv,
  text: triBertPublished,
  projectionFeatures: 512,
}

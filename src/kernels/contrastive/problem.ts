/** The problems that the contrastive kernels solve. */

import type { DType } from '../../engine/dtype.js'

/** Which pairs belong together, and how. */
export type TargetKind = 'diagonal' | 'groups' | 'mask' | 'soft'

export interface ContrastiveOptions {
  readonly kind: TargetKind
  /** Text `i + offset` belongs to image `i`, where the kind is `diagonal`. */
  readonly offset: number
  /** The sum over positives stands inside the logarithm. */
  readonly inside: boolean
  readonly labelSmoothing: number
  /** Both directions, or images to texts only. */
  readonly symmetric: boolean
  /** Every pair is a question of its own (sigmoid), instead of every row (softmax). */
  readonly pairwise: boolean
  /** Weights of images and texts come last in the inputs. */
  readonly weighted: boolean
  /** Embeddings count by their direction alone. */
  readonly normalize: boolean
  /** Logits of no more bytes than this are made once, and what gradients need of them is kept. */
  readonly keptLogitBytes: number
}

/** Small enough for any device, large enough for 2048 pairs. */
export const defaultKeptLogitBytes = 16 * 2 ** 20

/** Whose losses: images that look for texts, or texts that look for images. */
export type Side = 'image' | 'text'

/** Logits of some images by some texts; tensors with a row per image or text are cut to these. */
export interface BlockProblem extends ContrastiveOptions {
  /** Images and texts in the block. */
  readonly rows: number
  readonly columns: number
  /** The first of them, and how many there are in all. */
  readonly firstImage: number
  readonly firstText: number
  readonly images: number
  readonly texts: number
}

/** The statistics of one side's rows in a block. */
export interface SideProblem extends BlockProblem {
  readonly side: Side
}

/** All rows of one side. */
export interface FinishProblem extends ContrastiveOptions {
  readonly own: number
  readonly other: number
}

/** Gradients of embeddings, all but done. */
export interface EmbeddingProblem {
  readonly count: number
  readonly features: number
  readonly dtype: DType
  readonly normalize: boolean
}

/** Whether a side's own losses are part of the loss. */
export const hasLoss = ({ symmetric, pairwise }: ContrastiveOptions, side: Side): boolean =>
  side === 'image' || (symmetric && !pairwise)

/** The part of a side's own losses in the loss. */
export const shareOf = (options: ContrastiveOptions): number => (options.symmetric && !options.pairwise ? 0.5 : 1)

/** Positives that stand apart: a single one each, or several inside the logarithm. */
export const standApart = ({ kind, inside, pairwise }: ContrastiveOptions): boolean =>
  !pairwise && (inside || kind === 'diagonal')

/** Columns of a block with those that fill up the last 4-vector: products read and write nothing else. */
export const widthOfBlock = ({ columns }: { readonly columns: number }): number => 4 * Math.ceil(columns / 4)

/**
 * Numbers in a stored row of a block. A cache line more than there are columns, since rows that are a power of two apart
 * share a few places of a cache: the product with the transpose of 2048 x 2048 ran at 37 in place of 64 GFLOP/s.
 */
export const strideOf = (block: { readonly columns: number }): number => widthOfBlock(block) + 16

/** Numbers of an embedding that are read at a time. */
export const widthOf = (features: number): 1 | 4 => (features % 4 === 0 ? 4 : 1)

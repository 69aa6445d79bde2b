/** The problem that the contrastive kernels solve, for one side at a time. */

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
}

/** Images walk texts, or texts walk images. */
export type Side = 'image' | 'text'

/** What one side's kernels need to know. */
export interface SideProblem extends ContrastiveOptions {
  readonly side: Side
  readonly ownCount: number
  readonly otherCount: number
  readonly features: number
  readonly ownType: DType
  readonly otherType: DType
}

/** Whether a side's own losses are part of the loss. */
export const hasLoss = ({ symmetric, pairwise }: ContrastiveOptions, side: Side): boolean =>
  side === 'image' || (symmetric && !pairwise)

/** The part of a side's own losses in the loss. */
export const shareOf = (options: ContrastiveOptions): number => (options.symmetric && !options.pairwise ? 0.5 : 1)

/** Positives that stand apart: a single one each, or several inside the logarithm. */
export const standApart = ({ kind, inside }: ContrastiveOptions): boolean => inside || kind === 'diagonal'

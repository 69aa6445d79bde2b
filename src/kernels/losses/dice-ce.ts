import { scope } from '../../engine/scope.js'
import type { Tensor } from '../../engine/tensor.js'
import { add, affine, clamp, div, sub } from '../elementwise/index.js'
import { slice } from '../layout/index.js'
import { mean, sum } from '../reduce/index.js'
import { softmax } from '../softmax/index.js'
import { classOverlap } from './class-overlap.js'
import { crossEntropy } from './cross-entropy.js'

export interface DiceCeOptions {
  /** Whether class 0 counts in the Dice term. Default true. */
  readonly includeBackground?: boolean | undefined
  /** Sums over the whole batch before dividing, instead of a Dice for each sample. Default false. */
  readonly batchDice?: boolean | undefined
  /** Added to numerator and denominator. Default 1e-5. */
  readonly smooth?: number | undefined
}

export interface DiceCe {
  /** `ce + 1 - mean(dice)` */
  readonly loss: Tensor
  /** Mean cross-entropy over all voxels. */
  readonly ce: Tensor
  /** Soft Dice of each class `[C]` with `batchDice`, else of each sample and class `[N, C]`; without class 0 if left out. */
  readonly dice: Tensor
}

/** Keeps an empty class from dividing by zero where `smooth` is 0. */
const smallestDenominator = 1e-8

/**
 * Dice and cross-entropy of segmentation logits `[N, ..., C]` and i32 labels `[N, ...]`:
 * `dice = (2 sum(p y) + smooth) / max(sum(p) + sum(y) + smooth, 1e-8)` with `p = softmax(logits)` and `y` the one-hot
 * labels. (Milletari et al. 2016; Isensee et al. 2021)
 *
 * @throws ShapeError when logits and labels do not fit.
 */
export function diceCE(logits: Tensor, label: Tensor, options: DiceCeOptions = {}): DiceCe {
  const { includeBackground = true, batchDice = false, smooth = 1e-5 } = options
  return scope(() => {
    const ce = crossEntropy(logits, label)
    const overlap = classOverlap(softmax(logits), label)
    const classes = (sums: Tensor): Tensor => {
      const counted = includeBackground ? sums : slice(sums, [[0], [1]])
      return batchDice ? sum(counted, { axes: 0 }) : counted
    }
    const numerator = affine(classes(overlap.intersection), 2, smooth)
    const denominator = affine(add(classes(overlap.predicted), classes(overlap.actual)), 1, smooth)
    const dice = div(numerator, clamp(denominator, smallestDenominator))
    return { loss: sub(affine(ce, 1, 1), mean(dice)), ce, dice }
  })
}

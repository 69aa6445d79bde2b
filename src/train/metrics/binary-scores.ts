import { ValueError } from '../../engine/errors.js'
import { type Confusion, f1Score } from './confusion.js'

/** A threshold and what it leads to. */
export interface OperatingPoint {
  readonly threshold: number
  readonly confusion: Confusion
}

/** Cumulated counts above each distinct score, best score first. */
interface Steps {
  readonly thresholds: Float64Array
  readonly truePositives: Float64Array
  readonly falsePositives: Float64Array
  readonly positives: number
  readonly negatives: number
}

/**
 * Scores of items with a yes/no truth, sorted once. Every measure takes optional weights (how often each item counts),
 * which is what a bootstrap varies. Conventions are scikit-learn's.
 */
export class BinaryScores {
  readonly #scores: Float64Array
  readonly #labels: Uint8Array
  /** Items by falling score. */
  readonly #order: Uint32Array

  /**
   * @param scores any finite or infinite numbers, higher for yes. @param labels 0 or 1 (or booleans), one per score.
   * Throws a ValueError for anything else, and when there are no items.
   */
  constructor(scores: ArrayLike<number>, labels: ArrayLike<number | boolean>) {
    if (scores.length === 0) throw new ValueError('BinaryScores: there are no scores')
    if (scores.length !== labels.length) {
      throw new ValueError(`BinaryScores: there are ${scores.length} scores but ${labels.length} labels`)
    }
    this.#scores = Float64Array.from(scores)
    this.#labels = Uint8Array.from({ length: labels.length }, (_, n) => checkLabel(labels[n]!, n))
    const missing = this.#scores.findIndex(Number.isNaN)
    if (missing >= 0) throw new ValueError(`BinaryScores: the score of item ${missing} is NaN`)
    this.#order = Uint32Array.from(scores, (_, n) => n).sort((a, b) =>
      compareNumbers(this.#scores[b]!, this.#scores[a]!),
    )
  }

  get items(): number {
    return this.#scores.length
  }

  /**
   * Area under the receiver operating characteristic: the chance that a positive item scores above a negative one, ties
   * counting one half. NaN unless there are both.
   */
  auroc(weights?: ArrayLike<number>): number {
    const { truePositives, falsePositives, positives, negatives } = this.#steps(weights)
    let area = 0
    for (let n = 0; n < truePositives.length; n++) {
      const [tp, fp] = [truePositives[n - 1] ?? 0, falsePositives[n - 1] ?? 0]
      area += ((falsePositives[n]! - fp) * (truePositives[n]! + tp)) / 2
    }
    return area / (positives * negatives)
  }

  /** Sum over thresholds of (recall gained) x precision, without interpolation. 0 without positives. */
  averagePrecision(weights?: ArrayLike<number>): number {
    const { truePositives, falsePositives, positives } = this.#steps(weights)
    if (positives === 0) return 0
    let sum = 0
    for (let n = 0; n < truePositives.length; n++) {
      const gained = truePositives[n]! - (truePositives[n - 1] ?? 0)
      if (gained > 0) sum += (gained * truePositives[n]!) / (truePositives[n]! + falsePositives[n]!)
    }
    return sum / positives
  }

  /**
   * The best F1 of the positive class where `score >= threshold` is called positive and the threshold is an observed
   * score; of equally good thresholds the smallest.
   */
  bestF1(weights?: ArrayLike<number>): OperatingPoint & { readonly f1: number } {
    const steps = this.#steps(weights)
    let best = 0
    let bestF1 = -1
    for (let n = 0; n < steps.thresholds.length; n++) {
      const tp = steps.truePositives[n]!
      const f1 = f1Score(tp, steps.falsePositives[n]!, steps.positives - tp)
      if (f1 >= bestF1) [best, bestF1] = [n, f1]
    }
    return { threshold: steps.thresholds[best]!, confusion: confusionAt(steps, best), f1: bestF1 }
  }

  /**
   * The candidate whose point (false positive rate, true positive rate) lies closest to the corner (0, 1), where `score >
   * threshold` is called positive; of equally good ones the larger. With the default candidates k/99, k = 0 ... 99, this
   * is how fVLM's evaluation chooses (on the test data, which flatters). NaN rates count as 0.
   */
  closestToCorner(candidates: ArrayLike<number> = hundredThresholds, weights?: ArrayLike<number>): OperatingPoint {
    if (candidates.length === 0) throw new ValueError('closestToCorner: there are no candidates')
    const steps = this.#steps(weights)
    let best: OperatingPoint | undefined
    let shortest = Number.POSITIVE_INFINITY
    for (const threshold of Array.from(candidates).sort(compareNumbers)) {
      const confusion = confusionAt(steps, lastAbove(steps.thresholds, threshold))
      // In this order of rounding, which decides between thresholds that are equally good.
      const missed = steps.positives === 0 ? 0 : 1 - confusion.truePositives / steps.positives
      const alarms = steps.negatives === 0 ? 0 : confusion.falsePositives / steps.negatives
      const distance = Math.sqrt(missed * missed + alarms * alarms)
      if (distance <= shortest) [best, shortest] = [{ threshold, confusion }, distance]
    }
    return best!
  }

  /** The observed score with the largest sensitivity + specificity (Youden's index), `score >= threshold` positive. */
  youden(weights?: ArrayLike<number>): OperatingPoint {
    const steps = this.#steps(weights)
    let best = 0
    let bestIndex = Number.NEGATIVE_INFINITY
    for (let n = 0; n < steps.thresholds.length; n++) {
      const index = steps.truePositives[n]! * steps.negatives - steps.falsePositives[n]! * steps.positives
      if (index >= bestIndex) [best, bestIndex] = [n, index]
    }
    return { threshold: steps.thresholds[best]!, confusion: confusionAt(steps, best) }
  }

  /** The decisions of `score >= threshold`, or of `score > threshold` with `strict`. */
  confusion(threshold: number, { strict = false, weights }: ConfusionOptions = {}): Confusion {
    const counts = { truePositives: 0, falsePositives: 0, trueNegatives: 0, falseNegatives: 0 }
    const checked = this.#check(weights)
    for (let n = 0; n < this.items; n++) {
      const called = strict ? this.#scores[n]! > threshold : this.#scores[n]! >= threshold
      const right = called === (this.#labels[n] === 1)
      counts[`${right ? 'true' : 'false'}${called ? 'Positives' : 'Negatives'}`] += checked?.[n] ?? 1
    }
    return counts
  }

  /** One step per distinct score that weighs anything. */
  #steps(weights: ArrayLike<number> | undefined): Steps {
    const checked = this.#check(weights)
    const [thresholds, truePositives, falsePositives] = [0, 1, 2].map(
      () => new Float64Array(this.items),
    ) as Float64Array[]
    let [steps, tp, fp] = [0, 0, 0]
    for (const item of this.#order) {
      const weight = checked?.[item] ?? 1
      if (weight === 0) continue
      if (this.#labels[item] === 1) tp += weight
      else fp += weight
      if (steps === 0 || this.#scores[item] !== thresholds![steps - 1]) steps++
      thresholds![steps - 1] = this.#scores[item]!
      truePositives![steps - 1] = tp
      falsePositives![steps - 1] = fp
    }
    const [at, above, below] = [thresholds!, truePositives!, falsePositives!].map((list) => list.subarray(0, steps))
    return { thresholds: at!, truePositives: above!, falsePositives: below!, positives: tp, negatives: fp }
  }

  #check(weights: ArrayLike<number> | undefined): ArrayLike<number> | undefined {
    if (weights === undefined) return undefined
    if (weights.length !== this.items) {
      throw new ValueError(`BinaryScores: there are ${this.items} items but ${weights.length} weights`)
    }
    let sum = 0
    for (let n = 0; n < weights.length; n++) {
      if (!(weights[n]! >= 0)) throw new ValueError(`BinaryScores: the weight of item ${n} is ${weights[n]}`)
      sum += weights[n]!
    }
    if (!(sum > 0 && sum < Number.POSITIVE_INFINITY)) throw new ValueError(`BinaryScores: the weights add up to ${sum}`)
    return weights
  }
}

export interface ConfusionOptions {
  readonly strict?: boolean
  readonly weights?: ArrayLike<number>
}

/** `linspace(0, 1, 100)` as NumPy rounds it. */
export const hundredThresholds: readonly number[] = Array.from({ length: 100 }, (_, k) => (k === 99 ? 1 : k * (1 / 99)))

/** Area under the ROC curve; see `BinaryScores`. */
export function auroc(scores: ArrayLike<number>, labels: ArrayLike<number | boolean>): number {
  return new BinaryScores(scores, labels).auroc()
}

/** Step-wise area under the precision-recall curve; see `BinaryScores`. */
export function averagePrecision(scores: ArrayLike<number>, labels: ArrayLike<number | boolean>): number {
  return new BinaryScores(scores, labels).averagePrecision()
}

function checkLabel(label: number | boolean, item: number): number {
  if (label === true || label === 1) return 1
  if (label === false || label === 0) return 0
  throw new ValueError(`BinaryScores: the label of item ${item} is ${label}, not 0 or 1`)
}

const compareNumbers = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0)

/** The decisions when everything down to step n is called positive; none for -1. */
function confusionAt({ truePositives, falsePositives, positives, negatives }: Steps, n: number): Confusion {
  const [tp, fp] = [truePositives[n] ?? 0, falsePositives[n] ?? 0]
  return { truePositives: tp, falsePositives: fp, trueNegatives: negatives - fp, falseNegatives: positives - tp }
}

/** The last place of a falling list whose value exceeds the threshold, or -1. */
function lastAbove(falling: Float64Array, threshold: number): number {
  let [low, high] = [0, falling.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (falling[middle]! > threshold) low = middle + 1
    else high = middle
  }
  return low - 1
}

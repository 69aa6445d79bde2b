/** How well scores of findings separate those who have them, with intervals by patient. */
import { ValueError } from '../../engine/errors.js'
import { BinaryScores, type OperatingPoint } from '../metrics/binary-scores.js'
import { type BootstrapInterval, bootstrap } from '../metrics/bootstrap.js'
import { decisionScores } from '../metrics/confusion.js'
import { type FindingTable, meanDefined } from '../metrics/findings.js'

/** Scores and truths of studies. */
export interface Cohort extends FindingTable {
  /** Whom each study is of. */
  readonly patients: readonly string[]
}

export interface CohortOptions {
  /** Of the bootstrap. */
  readonly seed: number
  /** Default 1000. */
  readonly replicates?: number | undefined
}

export interface FindingResult {
  readonly studies: number
  readonly positives: number
  readonly auroc: BootstrapInterval
  readonly averagePrecision: BootstrapInterval
  /** At the threshold that maximises it on these very studies, or those of a draw, which flatters. */
  readonly f1: BootstrapInterval
  readonly balancedAccuracy: number
  /** Of `f1` and `balancedAccuracy`. */
  readonly threshold: number
}

export interface CohortResult {
  readonly studies: number
  readonly patients: number
  readonly findings: Readonly<Record<string, FindingResult>>
  /** Unweighted means over the findings where they are defined. */
  readonly macro: {
    readonly auroc: BootstrapInterval
    readonly averagePrecision: BootstrapInterval
    readonly f1: BootstrapInterval
    readonly balancedAccuracy: number
  }
}

/**
 * AUROC, average precision and F1 with 95 % bootstrap intervals by patient, of every finding and over all of them. A finding
 * that nobody has is left out of the means. Intervals of the means come from drawing patients for all findings at once. Throws a ValueError for shapes that do not
 * fit.
 */
export function evaluateCohort(cohort: Cohort, { seed, replicates }: CohortOptions): CohortResult {
  const { findings, patients, scores, labels } = cohort
  const studies = patients.length
  if (studies === 0 || findings.length === 0)
    throw new ValueError('evaluateCohort: there are no studies or no findings')
  if (scores.length !== studies * findings.length || labels.length !== scores.length) {
    throw new ValueError(
      `evaluateCohort: ${scores.length} scores and ${labels.length} labels do not fit ${studies} studies of ${findings.length} findings`,
    )
  }
  const columns = findings.map((_, column) => {
    const own = (values: ArrayLike<number>) =>
      Array.from({ length: studies }, (_, study) => values[study * findings.length + column]!)
    return new BinaryScores(own(scores), own(labels))
  })
  const draws = { patients, seed, ...(replicates !== undefined && { replicates }) }
  const auroc = (column: BinaryScores, weights?: Float64Array) => column.auroc(weights)
  // Without a positive the precision says nothing; scikit-learn's 0 would pull the mean down.
  const precision = (column: BinaryScores, weights?: Float64Array) =>
    Number.isNaN(column.auroc(weights)) ? Number.NaN : column.averagePrecision(weights)
  const f1 = (column: BinaryScores, weights?: Float64Array) => {
    const best = column.bestF1(weights)
    return positivesOf(best) === 0 ? Number.NaN : best.f1
  }
  const results = columns.map((column): FindingResult => {
    const best = column.bestF1()
    const { balancedAccuracy } = decisionScores(best.confusion)
    return {
      studies,
      positives: positivesOf(best),
      auroc: bootstrap((weights) => auroc(column, weights), draws),
      averagePrecision: bootstrap((weights) => precision(column, weights), draws),
      f1: bootstrap((weights) => f1(column, weights), draws),
      ...{ threshold: best.threshold, balancedAccuracy: positivesOf(best) === 0 ? Number.NaN : balancedAccuracy },
    }
  })
  const macro = (measure: typeof auroc) =>
    bootstrap((weights) => meanDefined(columns.map((column) => measure(column, weights))), draws)
  return {
    studies,
    patients: new Set(patients).size,
    findings: Object.fromEntries(findings.map((finding, n) => [finding, results[n]!])),
    macro: {
      ...{ auroc: macro(auroc), averagePrecision: macro(precision), f1: macro(f1) },
      balancedAccuracy: meanDefined(results.map(({ balancedAccuracy }) => balancedAccuracy)),
    },
  }
}

const positivesOf = ({ confusion }: OperatingPoint): number => confusion.truePositives + confusion.falseNegatives

import { ValueError } from '../../engine/errors.js'
import { BinaryScores } from './binary-scores.js'
import { type DecisionScores, decisionScores } from './confusion.js'

/** Scores and truths of several yes/no findings for the same items. */
export interface FindingTable {
  readonly findings: readonly string[]
  /** `[items, findings]`, row-major. NaN for a missing score. */
  readonly scores: ArrayLike<number>
  /** `[items, findings]`, row-major, 0 or 1. */
  readonly labels: ArrayLike<number>
}

export interface FindingOptions {
  /**
   * How each finding's threshold is chosen: a fixed number (`score > threshold` is positive), `closest-to-corner` (fVLM's
   * protocol on CT-RATE) or `best-f1` (`score >= threshold`). The last two look at the data they judge; numbers by
   * finding, such as `thresholdsOf` takes from a validation split, do not.
   */
  readonly threshold: number | 'closest-to-corner' | 'best-f1' | Readonly<Record<string, number>>
  /** What a missing score counts as. Default 0, as in fVLM's protocol; `skip` leaves the item out for that finding. */
  readonly missing?: number | 'skip'
}

export interface FindingScores extends DecisionScores {
  readonly auroc: number
  readonly averagePrecision: number
  readonly threshold: number
  readonly items: number
  readonly positives: number
}

const averaged = [
  ...(['auroc', 'averagePrecision', 'accuracy', 'precision', 'sensitivity', 'specificity'] as const),
  ...(['balancedAccuracy', 'f1', 'weightedF1'] as const),
]
type Averaged = (typeof averaged)[number]

/** Measures by finding, and their unweighted means over the findings where they are defined. */
export interface FindingEvaluation {
  readonly findings: Readonly<Record<string, FindingScores>>
  readonly macro: Readonly<Record<Averaged, number>>
}

/** Judges every finding of a table. Throws a ValueError for shapes that do not fit and for findings without any item. */
export function evaluateFindings(table: FindingTable, options: FindingOptions): FindingEvaluation {
  const { findings, scores, labels } = table
  const items = scores.length / findings.length
  if (!Number.isInteger(items) || items === 0 || labels.length !== scores.length) {
    throw new ValueError(
      `evaluateFindings: ${findings.length} findings do not fit ${scores.length} scores and ${labels.length} labels`,
    )
  }
  const results = findings.map((name, column) => {
    const [ownScores, ownLabels] = columnOf(table, column, options.missing ?? 0)
    if (ownScores.length === 0) throw new ValueError(`evaluateFindings: '${name}' has no score`)
    return [name, judge(new BinaryScores(ownScores, ownLabels), thresholdRule(name, options))] as const
  })
  const mean = (measure: Averaged): number => meanDefined(results.map(([, result]) => result[measure]))
  return {
    findings: Object.fromEntries(results),
    macro: Object.fromEntries(averaged.map((measure) => [measure, mean(measure)])) as Record<Averaged, number>,
  }
}

function columnOf(
  { findings, scores, labels }: FindingTable,
  column: number,
  missing: number | 'skip',
): [number[], number[]] {
  const [ownScores, ownLabels]: [number[], number[]] = [[], []]
  for (let n = column; n < scores.length; n += findings.length) {
    const score = Number.isNaN(scores[n]!) ? missing : scores[n]!
    if (score === 'skip') continue
    ownScores.push(score)
    ownLabels.push(labels[n]!)
  }
  return [ownScores, ownLabels]
}

type ThresholdRule = number | 'closest-to-corner' | 'best-f1'

function thresholdRule(finding: string, { threshold }: FindingOptions): ThresholdRule {
  if (typeof threshold !== 'object') return threshold
  if (Object.hasOwn(threshold, finding)) return threshold[finding]!
  throw new ValueError(`evaluateFindings: there is no threshold for '${finding}'`)
}

/**
 * Thresholds by finding of an evaluation, to judge other data with: choose them on a validation split and pass them as
 * `threshold` for the test split, so that the test data decide nothing.
 */
export function thresholdsOf({ findings }: FindingEvaluation): Record<string, number> {
  return Object.fromEntries(Object.entries(findings).map(([name, { threshold }]) => [name, threshold]))
}

function judge(scores: BinaryScores, rule: ThresholdRule): FindingScores {
  const { threshold, confusion } =
    rule === 'closest-to-corner'
      ? scores.closestToCorner()
      : rule === 'best-f1'
        ? scores.bestF1()
        : { threshold: rule, confusion: scores.confusion(rule, { strict: true }) }
  return {
    auroc: scores.auroc(),
    averagePrecision: scores.averagePrecision(),
    threshold,
    items: scores.items,
    positives: confusion.truePositives + confusion.falseNegatives,
    ...decisionScores(confusion),
  }
}

/** The mean of what is not NaN; NaN when nothing is. */
export function meanDefined(values: readonly number[]): number {
  const defined = values.filter((value) => !Number.isNaN(value))
  return defined.reduce((sum, value) => sum + value, 0) / defined.length
}

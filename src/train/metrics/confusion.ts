/** How many items of each kind a yes/no decision makes; weighted items count as often as their weight says. */
export interface Confusion {
  readonly truePositives: number
  readonly falsePositives: number
  readonly trueNegatives: number
  readonly falseNegatives: number
}

/** What follows from a confusion. Conventions are scikit-learn's: a ratio without cases is 0 unless said otherwise. */
export interface DecisionScores {
  readonly accuracy: number
  /** Of those called positive, how many are; 0 when none is called positive. */
  readonly precision: number
  /** Also recall: of the positives, how many are found; NaN without positives. */
  readonly sensitivity: number
  /** Of the negatives, how many are left alone; NaN without negatives. */
  readonly specificity: number
  /** Mean of sensitivity and specificity, or the one that is defined. */
  readonly balancedAccuracy: number
  /** Of the positive class. */
  readonly f1: number
  /** F1 of both classes, weighted by how many items each has. */
  readonly weightedF1: number
}

export function decisionScores(confusion: Confusion): DecisionScores {
  const { truePositives, falsePositives, trueNegatives, falseNegatives } = confusion
  const positives = truePositives + falseNegatives
  const negatives = trueNegatives + falsePositives
  const [sensitivity, specificity] = [truePositives / positives, trueNegatives / negatives]
  const f1 = f1Score(truePositives, falsePositives, falseNegatives)
  const negativeF1 = f1Score(trueNegatives, falseNegatives, falsePositives)
  return {
    accuracy: (truePositives + trueNegatives) / (positives + negatives),
    precision: ratio(truePositives, truePositives + falsePositives),
    sensitivity,
    specificity,
    balancedAccuracy: positives === 0 ? specificity : negatives === 0 ? sensitivity : (sensitivity + specificity) / 2,
    f1,
    weightedF1: (positives * f1 + negatives * negativeF1) / (positives + negatives),
  }
}

/** 2 TP / (2 TP + FP + FN); 0 when there is nothing to find and nothing is called. */
export function f1Score(truePositives: number, falsePositives: number, falseNegatives: number): number {
  return ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives)
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole)

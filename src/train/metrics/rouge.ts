export interface RougeL {
  readonly precision: number
  readonly recall: number
  readonly f1: number
}

/**
 * ROUGE-L of one text against one reference, from the longest common subsequence of their tokens: its length over the
 * hypothesis (precision) and over the reference (recall), and their harmonic mean. All 0 when nothing is common.
 */
export function rougeL(hypothesis: readonly string[], reference: readonly string[]): RougeL {
  const common = commonSubsequence(hypothesis, reference)
  if (common === 0) return { precision: 0, recall: 0, f1: 0 }
  const [precision, recall] = [common / hypothesis.length, common / reference.length]
  return { precision, recall, f1: (2 * precision * recall) / (precision + recall) }
}

/** The length of the longest common subsequence, one row of the table at a time. */
function commonSubsequence(a: readonly string[], b: readonly string[]): number {
  const lengths = new Int32Array(b.length + 1)
  for (const token of a) {
    let diagonal = 0
    for (let n = 1; n <= b.length; n++) {
      const above = lengths[n]!
      lengths[n] = token === b[n - 1] ? diagonal + 1 : Math.max(above, lengths[n - 1]!)
      diagonal = above
    }
  }
  return lengths[b.length]!
}

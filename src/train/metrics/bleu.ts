import { ValueError } from '../../engine/errors.js'

/** A generated text and the texts that would be right, each as a list of tokens (see `tokenize13a`). */
export interface TextPair {
  readonly hypothesis: readonly string[]
  readonly references: readonly (readonly string[])[]
}

/**
 * What stands in for an n-gram order without a match: nothing (`none`, the score is 0), a small numerator (`floor`),
 * `k` added to numerator and denominator of every order from 2 on (`add-k`), or 1/2, 1/4, ... (`exponential`).
 */
export type BleuSmoothing =
  | { readonly kind: 'none' }
  | { readonly kind: 'floor'; readonly value?: number }
  | { readonly kind: 'add-k'; readonly value?: number }
  | { readonly kind: 'exponential' }

export interface BleuOptions {
  /** Longest n-gram, with uniform weights. Default 4. */
  readonly maxOrder?: number
  /** Default none. (sacreBLEU's command uses `exponential`.) */
  readonly smoothing?: BleuSmoothing
}

/**
 * BLEU from 0 to 1 over all pairs together, as sacreBLEU counts: matches clipped by the reference that has most of each
 * n-gram, brevity penalty against the reference whose length is closest (of equally close ones the shorter), 0 when no
 * single token matches, and 0 when a hypothesis total has no n-gram of some order. For one sentence pass one pair.
 */
export function bleu(
  pairs: readonly TextPair[],
  { maxOrder = 4, smoothing = { kind: 'none' } }: BleuOptions = {},
): number {
  if (pairs.length === 0) throw new ValueError('bleu: there are no texts')
  if (!Number.isInteger(maxOrder) || maxOrder < 1) throw new ValueError(`bleu: maxOrder ${maxOrder} is not 1 or more`)
  const [matches, totals] = [new Float64Array(maxOrder), new Float64Array(maxOrder)]
  let [hypothesisLength, referenceLength] = [0, 0]
  for (const { hypothesis, references } of pairs) {
    if (references.length === 0) throw new ValueError('bleu: a text has no reference')
    hypothesisLength += hypothesis.length
    referenceLength += closestLength(hypothesis.length, references)
    for (let order = 1; order <= maxOrder; order++) {
      totals[order - 1]! += Math.max(0, hypothesis.length - order + 1)
      matches[order - 1]! += countMatches(hypothesis, references, order)
    }
  }
  if (matches.every((count) => count === 0)) return 0
  const precisions = smoothedPrecisions(matches, totals, smoothing)
  if (precisions.some((precision) => precision === 0)) return 0
  const brevity = hypothesisLength < referenceLength ? Math.exp(1 - referenceLength / hypothesisLength) : 1
  return brevity * Math.exp(precisions.reduce((sum, precision) => sum + Math.log(precision), 0) / maxOrder)
}

function smoothedPrecisions(matches: Float64Array, totals: Float64Array, smoothing: BleuSmoothing): number[] {
  let empty = 0
  return Array.from(matches, (count, n) => {
    const added = smoothing.kind === 'add-k' && n > 0 ? (smoothing.value ?? 1) : 0
    const [numerator, denominator] = [count + added, totals[n]! + added]
    if (denominator === 0) return 0
    if (numerator > 0) return numerator / denominator
    if (smoothing.kind === 'floor') return (smoothing.value ?? 0.1) / denominator
    return smoothing.kind === 'exponential' ? 2 ** -++empty / denominator : 0
  })
}

function closestLength(length: number, references: readonly (readonly string[])[]): number {
  const away = (reference: number): number => Math.abs(reference - length)
  return references
    .map((reference) => reference.length)
    .reduce((best, other) => (away(other) < away(best) || (away(other) === away(best) && other < best) ? other : best))
}

function countMatches(
  hypothesis: readonly string[],
  references: readonly (readonly string[])[],
  order: number,
): number {
  const most = new Map<string, number>()
  for (const reference of references) {
    for (const [gram, count] of countGrams(reference, order)) most.set(gram, Math.max(count, most.get(gram) ?? 0))
  }
  let matches = 0
  for (const [gram, count] of countGrams(hypothesis, order)) matches += Math.min(count, most.get(gram) ?? 0)
  return matches
}

function countGrams(tokens: readonly string[], order: number): Map<string, number> {
  const counts = new Map<string, number>()
  for (let n = 0; n + order <= tokens.length; n++) {
    // Lengths in front keep ['a b', 'c'] and ['a', 'b c'] apart.
    const gram = tokens
      .slice(n, n + order)
      .map((token) => `${token.length}:${token}`)
      .join(' ')
    counts.set(gram, (counts.get(gram) ?? 0) + 1)
  }
  return counts
}

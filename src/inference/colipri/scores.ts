/** From similarities to probabilities. */
import type { PromptPair } from '../prompts.js'

/** A label and its part of the softmax over all labels. */
export interface ClassScore {
  readonly label: string
  readonly score: number
}

export interface FindingScore {
  readonly finding: string
  /** Of the positive prompt, against the negative one. */
  readonly probability: number
  /** Cosines, -1 to 1. */
  readonly similarity: { readonly positive: number; readonly negative: number }
  readonly prompts: { readonly positive: string; readonly negative: string }
}

export function scoreFindings(
  image: Float32Array,
  pairs: readonly PromptPair[],
  positives: readonly Float32Array[],
  negatives: readonly Float32Array[],
  temperature: number,
): FindingScore[] {
  return pairs.map(({ finding, positive, negative }, n) => {
    const similarity = { positive: dotProduct(image, positives[n]!), negative: dotProduct(image, negatives[n]!) }
    const [probability] = softmax([similarity.positive, similarity.negative], temperature)
    return { finding, probability: probability!, similarity, prompts: { positive, negative } }
  })
}

export function scoreClasses(
  image: Float32Array,
  labels: readonly string[],
  texts: readonly Float32Array[],
  temperature: number,
): ClassScore[] {
  const scores = softmax(
    texts.map((text) => dotProduct(image, text)),
    temperature,
  )
  return labels.map((label, n) => ({ label, score: scores[n]! }))
}

/** The dot product, in float64. */
export function dotProduct(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let n = 0; n < a.length; n++) sum += a[n]! * b[n]!
  return sum
}

/** exp(v / temperature) over its sum; right for any temperature. */
export function softmax(values: readonly number[], temperature: number): number[] {
  const highest = Math.max(...values)
  const exponentials = values.map((value) => Math.exp((value - highest) / temperature))
  const sum = exponentials.reduce((total, value) => total + value, 0)
  return exponentials.map((value) => value / sum)
}

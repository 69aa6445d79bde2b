import type { ReferenceArray } from '../../engine/op.js'
import { sizeOf } from '../../engine/shape.js'
import { broadcastReader } from '../elementwise/op.js'
import { probabilityThreshold } from '../random/fill.js'
import { drawWords } from '../random/host.js'
import { largestOf } from '../reduce/reference.js'
import type { AttentionOpOptions } from './problem.js'

/** Attention by its definition: all scores of a query, their softmax, the weighted sum. */
export function attentionReference(
  [q, k, v, ...extras]: readonly ReferenceArray[],
  options: AttentionOpOptions,
): ReferenceArray {
  const [batch, queries, heads, headDim] = q!.shape as [number, number, number, number]
  const keys = k!.shape[1]!
  const { dropout, rope } = options
  const threshold = dropout ? probabilityThreshold('attention', dropout.p) : 0
  const named = (name: (typeof options.extras)[number]) => extras[options.extras.indexOf(name)]
  const mask = named('keyPaddingMask')
  const segments = named('segments')
  const lengths = named('keyLengths')
  const table = named('rope')
  const bias = named('bias')
  const [left, right] =
    table && rope
      ? [turn(q!, table, 0, rope.queryRows), turn(k!, table, rope.keyFirst, rope.keyRows)]
      : [q!.data, k!.data]
  const entries = bias && bias.shape.length === 4 ? bias.shape[0]! : 1
  const readBias = bias && broadcastReader(bias, [entries, heads, queries, keys])
  const data = new Float64Array(sizeOf(q!.shape))
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < queries; i++) {
        const row = ((b * queries + i) * heads + h) * headDim
        const scores = Array.from({ length: keys }, (_, j) => {
          if (options.causal && j > i) return Number.NEGATIVE_INFINITY
          if (mask && mask.data[b * keys + j] === 0) return Number.NEGATIVE_INFINITY
          if (lengths && j >= lengths.data[b]!) return Number.NEGATIVE_INFINITY
          const key = ((b * keys + j) * heads + h) * headDim
          let product = 0
          for (let d = 0; d < headDim; d++) product += left[row + d]! * right[key + d]!
          let score = product * options.scale
          if (readBias) score += readBias((((b % entries) * heads + h) * queries + i) * keys + j)
          if (segments) {
            const base = (b % segments.shape[0]!) * keys
            if (segments.data[base + i] !== segments.data[base + j]) score += options.segmentPenalty
          }
          return score
        })
        const largest = largestOf(scores)
        if (largest === Number.NEGATIVE_INFINITY) continue
        const weights = scores.map((score) => Math.exp(score - largest))
        const total = weights.reduce((a, c) => a + c, 0)
        for (let j = 0; j < keys; j++) {
          if (dropout) {
            const word = drawWords(dropout.draw, [Math.floor(j / 4), i, b * heads + h])[j % 4]!
            weights[j]! *= word >>> 8 >= threshold ? 1 / (1 - dropout.p) : 0
          }
          const value = ((b * keys + j) * heads + h) * headDim
          for (let d = 0; d < headDim; d++) data[row + d]! += (weights[j]! / total) * v!.data[value + d]!
        }
      }
    }
  }
  return { data, shape: q!.shape }
}

/** Rotary positions: token n of the whole batch turns by row `first + n % rows` of the table. */
function turn(x: ReferenceArray, table: ReferenceArray, first: number, rows: number): Float64Array {
  const [, , heads, headDim] = x.shape as [number, number, number, number]
  return x.data.map((value, i) => {
    const angle = (first + (Math.floor(i / (heads * headDim)) % rows)) * 2 * headDim + (i % headDim)
    const crossed = i % 2 === 0 ? -x.data[i + 1]! : x.data[i - 1]!
    return value * table.data[angle + headDim]! + crossed * table.data[angle]!
  })
}

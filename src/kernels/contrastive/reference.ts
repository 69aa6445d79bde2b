import type { ReferenceArray } from '../../engine/op.js'
import type { ContrastiveOptions } from './problem.js'

/** Inputs of the operation by name. */
export interface ContrastiveArrays {
  readonly image: ReferenceArray
  readonly text: ReferenceArray
  readonly scale: ReferenceArray
  readonly shift: ReferenceArray | undefined
  readonly targets: readonly ReferenceArray[]
  readonly weights: readonly ReferenceArray[]
}

/** The losses by their definitions, from all logits. */
export function contrastiveReference(arrays: ContrastiveArrays, options: ContrastiveOptions): number {
  const { scale, shift, targets, weights } = arrays
  const [image, text] = [arrays.image, arrays.text].map((x) => (options.normalize ? unitRows(x) : x)) as [
    ReferenceArray,
    ReferenceArray,
  ]
  const [n, features] = image.shape as [number, number]
  const m = text.shape[0]!
  const logit = (i: number, j: number) => {
    let product = 0
    for (let d = 0; d < features; d++) product += image.data[i * features + d]! * text.data[j * features + d]!
    return product * scale.data[0]! + (shift?.data[0] ?? 0)
  }
  const positive = (i: number, j: number): boolean => {
    if (options.kind === 'diagonal') return j === i + options.offset
    if (options.kind === 'groups') return targets[0]!.data[i]! >= 0 && targets[0]!.data[i] === targets[1]!.data[j]
    return options.kind === 'mask' && targets[0]!.data[i * m + j] !== 0
  }
  if (options.pairwise) {
    let sum = 0
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < m; j++) {
        const s = logit(i, j)
        sum += Math.max(s, 0) + Math.log1p(Math.exp(-Math.abs(s))) - (positive(i, j) ? s : 0)
      }
    }
    return sum / n
  }
  const direction = (forth: boolean): number => {
    const [own, other] = forth ? [n, m] : [m, n]
    const weight = weights[forth ? 0 : 1]
    let total = 0
    let loss = 0
    for (let a = 0; a < own; a++) {
      const row = Array.from({ length: other }, (_, b) => (forth ? logit(a, b) : logit(b, a)))
      const flags = row.map((_, b) => (forth ? positive(a, b) : positive(b, a)))
      const soft = targets[forth ? 0 : 1]
      const part = weight?.data[a] ?? 1
      total += part
      loss +=
        part *
        rowLoss(
          row,
          flags,
          options.kind === 'soft' ? row.map((_, b) => soft!.data[a * other + b]!) : undefined,
          options,
        )
    }
    return total === 0 ? 0 : loss / total
  }
  return options.symmetric ? (direction(true) + direction(false)) / 2 : direction(true)
}

function unitRows({ data, shape }: ReferenceArray): ReferenceArray {
  const features = shape[1]!
  const lengths = Array.from({ length: shape[0]! }, (_, i) =>
    Math.hypot(...data.subarray(i * features, (i + 1) * features)),
  )
  return { data: data.map((value, i) => value / Math.max(lengths[Math.floor(i / features)]!, 1e-12)), shape }
}

const logSumExp = (values: readonly number[]): number => {
  const largest = Math.max(...values)
  return largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0))
}

function rowLoss(
  row: readonly number[],
  flags: readonly boolean[],
  soft: readonly number[] | undefined,
  { inside, kind, labelSmoothing: smoothing }: ContrastiveOptions,
): number {
  const lse = logSumExp(row)
  const count = flags.filter(Boolean).length
  if (!soft && count === 0 && (inside || kind === 'diagonal')) return 0
  const spread = lse - row.reduce((sum, value) => sum + value, 0) / row.length
  if (inside) return lse - logSumExp(row.filter((_, b) => flags[b]))
  const targets = soft ?? flags.map((flag) => (flag ? 1 / count : 0))
  const hit = targets.reduce((sum, target, b) => sum + target * (lse - row[b]!), 0)
  return (1 - smoothing) * hit + smoothing * spread
}

/** The problem that the attention kernels solve. */
import type { DType } from '../../engine/dtype.js'
import type { Draw } from '../../engine/random.js'
import { rowMajorStrides, type Shape } from '../../engine/shape.js'
import type { TensorSpec } from '../../engine/tensor.js'

/** Inputs of the operation beyond q, k and v. */
export type AttentionExtra = 'keyPaddingMask' | 'keyLengths' | 'segments' | 'bias' | 'rope'

/** Which rows of the rotary table tokens use: row `(b * tokens + t) % rows`, for keys behind `keyFirst`. */
export interface RopeRows {
  readonly queryRows: number
  readonly keyRows: number
  readonly keyFirst: number
}

export interface AttentionDropout {
  readonly p: number
  readonly draw: Draw
}

export interface AttentionOpOptions {
  readonly scale: number
  readonly causal: boolean
  readonly segmentPenalty: number
  /** What follows q, k and v in the inputs. */
  readonly extras: readonly AttentionExtra[]
  /** With a rotary table among the inputs. */
  readonly rope?: RopeRows | undefined
  readonly dropout?: AttentionDropout | undefined
}

export interface AttentionProblem {
  readonly batch: number
  readonly heads: number
  readonly queries: number
  readonly keys: number
  /** Number of the first of these keys: not 0 for a window of them. */
  readonly firstKey: number
  readonly headDim: number
  /** Of the queries, keys, values, their gradients, and the result. */
  readonly dtype: DType
  readonly scale: number
  /** Query i sees keys 0 to i. */
  readonly causal: boolean
  readonly bias: AttentionBias | undefined
  readonly labels: AttentionLabels | undefined
  readonly rope: AttentionRope | undefined
  readonly dropout: AttentionDropout | undefined
}

/** A bias `[batch, H, Tq, Tk]`, of which batch b of the problem uses entry b % batch. */
export interface AttentionBias {
  readonly dtype: DType
  readonly batch: number
  /** Elements per batch, head, query and key; 0 along broadcast axes. */
  readonly strides: readonly number[]
}

/** Flags of usable keys `[batch, Tk]`, segments that attend to each other without penalty `[batch, T]`, or counts of keys `[batch]`. */
export interface AttentionLabels {
  readonly kind: 'mask' | 'segments' | 'lengths'
  readonly batch: number
  readonly size: number
  /** Added to scores between two segments. */
  readonly penalty: number
}

/** A table `[rows, 2 hd]` of sines and cosines. */
export interface AttentionRope extends RopeRows {
  readonly dtype: DType
  readonly rows: number
}

/** A bias of any rank as `[B, H, Tq, Tk]`. */
export const biasShape = (shape: Shape): Shape => [
  ...new Array<number>(Math.max(0, 4 - shape.length)).fill(1),
  ...shape,
]

/** One of the inputs behind q, k and v. */
export function extraOf<T>(inputs: readonly T[], { extras }: AttentionOpOptions, name: AttentionExtra): T | undefined {
  const index = extras.indexOf(name)
  return index < 0 ? undefined : inputs[3 + index]
}

const labelKinds = { keyPaddingMask: 'mask', keyLengths: 'lengths', segments: 'segments' } as const

/** The input that says which keys count, of whatever kind. */
export function labelsOf<T>(inputs: readonly T[], options: AttentionOpOptions): T | undefined {
  const name = options.extras.find((extra) => extra in labelKinds)
  return name && extraOf(inputs, options, name)
}

export function problemOf(inputs: readonly TensorSpec[], options: AttentionOpOptions): AttentionProblem {
  const [q, k] = inputs as [TensorSpec, TensorSpec]
  const [batch, queries, heads, headDim] = q.shape as [number, number, number, number]
  const bias = extraOf(inputs, options, 'bias')
  const rope = extraOf(inputs, options, 'rope')
  const labels = labelsOf(inputs, options)
  const kind = options.extras.flatMap((extra) => (extra in labelKinds ? [extra as keyof typeof labelKinds] : []))[0]
  return {
    batch,
    heads,
    queries,
    keys: k.shape[1]!,
    firstKey: 0,
    headDim,
    dtype: q.dtype,
    scale: options.scale,
    causal: options.causal,
    bias: bias && {
      dtype: bias.dtype,
      batch: biasShape(bias.shape)[0]!,
      strides: rowMajorStrides(biasShape(bias.shape)).map((stride, i) => (biasShape(bias.shape)[i] === 1 ? 0 : stride)),
    },
    labels: labels && {
      kind: labelKinds[kind!],
      batch: labels.shape[0]!,
      size: labels.shape.reduce((product, extent) => product * extent, 1),
      penalty: options.segmentPenalty,
    },
    rope: rope && { ...options.rope!, dtype: rope.dtype, rows: rope.shape[0]! },
    dropout: options.dropout,
  }
}

/** 4-vectors where a head is made of them, else numbers. */
export const vectorWidth = (headDim: number): 1 | 4 => (headDim % 4 === 0 ? 4 : 1)

/** Vectors (or numbers) in a head. */
export const columnsOf = (headDim: number): number => headDim / vectorWidth(headDim)

/** Most columns that the kernels take: one invocation each. */
export const maxColumns = 256

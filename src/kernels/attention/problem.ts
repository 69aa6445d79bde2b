/** The problem that the attention kernels solve, and how they share it out. */
import type { Capabilities } from '../../engine/capabilities.js'
import type { DType } from '../../engine/dtype.js'
import type { Specialization } from '../../engine/kernel.js'
import type { ParameterWriter } from '../../engine/parameters.js'
import scoreWgsl from './score.wgsl'

/** Inputs of the operation beyond q, k and v. */
export type AttentionExtra = 'keyPaddingMask' | 'segments' | 'bias'

export interface AttentionOpOptions {
  readonly scale: number
  readonly causal: boolean
  readonly segmentPenalty: number
  /** What follows q, k and v in the inputs. */
  readonly extras: readonly AttentionExtra[]
}

export interface AttentionProblem {
  readonly batch: number
  readonly heads: number
  readonly queries: number
  readonly keys: number
  readonly headDim: number
  /** Of the queries, keys, values, and gradients of the result. */
  readonly dtype: DType
  readonly scale: number
  /** Query i sees keys 0 to i. */
  readonly causal: boolean
  readonly bias: AttentionBias | undefined
  readonly labels: AttentionLabels | undefined
}

/** A bias `[batch, H, Tq, Tk]`, of which batch b of the problem uses entry b % batch. */
export interface AttentionBias {
  readonly dtype: DType
  readonly batch: number
  /** Elements per batch, head, query and key; 0 along broadcast axes. */
  readonly strides: readonly number[]
}

/** Labels of keys `[batch, Tk]`: flags of usable keys, or the segments that attend to each other without penalty. */
export interface AttentionLabels {
  readonly kind: 'mask' | 'segments'
  readonly batch: number
  /** Added to scores between two segments. */
  readonly penalty: number
}

/** A walk over keys or queries that several workgroups share by parts. */
export interface PartedProblem extends AttentionProblem {
  readonly parts: number
  readonly output: DType
}

/** 4-vectors where a head is made of them, else numbers. */
export const vectorWidth = (headDim: number): 1 | 4 => (headDim % 4 === 0 ? 4 : 1)

/** Vectors (or numbers) in a head. */
export const columnsOf = (headDim: number): number => headDim / vectorWidth(headDim)

/** Most columns that the kernels take: one invocation each. */
export const maxColumns = 256

/** Invocations of a workgroup: one per column, and whole hardware vectors. */
export function lanesOf(headDim: number, { software }: Capabilities): number {
  const unit = software ? 8 : 32
  return Math.ceil(columnsOf(headDim) / unit) * unit
}

/**
 * Rows that a workgroup owns: what fits in `budget` vectors of workgroup memory, and no more than there are. Many rows
 * share each read of the other side; code for 32 takes long to compile and pays only for long walks of large heads.
 */
export function rowsOf(own: number, lanes: number, budget: number): number {
  const most = own >= 256 && lanes >= 16 ? 32 : 16
  let rows = 1
  while (rows < most && rows < own && rows * 2 * lanes <= budget) rows *= 2
  return rows
}

/** Workgroups that keep a large GPU busy; walks with fewer are cut into parts. */
const enoughWorkgroups = 512
/** Rows that a part should walk at least. */
const leastWalk = 256

export function partsOf({ batch, heads }: AttentionProblem, own: number, walked: number): number {
  const workgroups = batch * heads * Math.ceil(own / 16)
  return Math.max(1, Math.min(Math.ceil(enoughWorkgroups / Math.max(1, workgroups)), Math.floor(walked / leastWalk)))
}

export const vectorTypes = (headDim: number, stored: DType, output: DType) => {
  const of = (dtype: DType) => (vectorWidth(headDim) === 4 ? `vec4<${dtype}>` : dtype)
  return { Stored: of(stored), Value: of('f32'), Output: of(output) }
}

/** The product of two `Value`s. */
export const innerProduct = (headDim: number): string =>
  `fn inner(a: Value, b: Value) -> f32 { return ${vectorWidth(headDim) === 4 ? 'dot(a, b)' : 'a * b'}; }`

/** Types, constants and code that every kernel with scores needs. */
export function specializeScores(problem: AttentionProblem, output: DType): Specialization {
  const { headDim, dtype, causal, bias, labels } = problem
  return {
    types: { ...vectorTypes(headDim, dtype, output), Bias: bias?.dtype ?? 'f32' },
    constants: {
      COLUMNS: columnsOf(headDim),
      CAUSAL: causal,
      HAS_BIAS: bias !== undefined,
      LABELS: labels === undefined ? 0 : labels.kind === 'mask' ? 1 : 2,
    },
    code: `${innerProduct(headDim)}\n${scoreWgsl}`,
  }
}

export function writeScoreParameters(writer: ParameterWriter, problem: AttentionProblem, parts: number): void {
  const { batch, heads, queries, keys, scale, bias, labels } = problem
  writer.u32(batch).u32(heads).u32(queries).u32(keys).f32(scale)
  writer
    .f32(labels?.penalty ?? 0)
    .u32(parts)
    .u32(labels?.batch ?? 1)
    .u32(bias?.batch ?? 1)
  writer.vectors(bias?.strides ?? [], 4)
}

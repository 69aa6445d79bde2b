/** The kernel behind matmul and linear. */
import type { DType } from '../../engine/dtype.js'
import { defineKernel, type Specialization } from '../../engine/kernel.js'
import type { ParameterWriter } from '../../engine/parameters.js'
import portableWgsl from './portable.wgsl'
import uniformRowWgsl from './uniform-row.wgsl'

/** `y[batch, i, j] = sum_k a[i, k] b[k, j] + bias[j]` */
export interface MatmulProblem {
  readonly m: number
  readonly n: number
  readonly k: number
  /** `a` is stored `[k, m]`. */
  readonly transposeA: boolean
  /** `b` is stored `[n, k]`. */
  readonly transposeB: boolean
  readonly a: DType
  readonly b: DType
  readonly y: DType
  readonly bias: DType | undefined
  readonly batch: MatmulBatch
}

/** At most four merged batch axes, last first; strides in elements, 0 where an operand is broadcast. */
export interface MatmulBatch {
  readonly count: number
  readonly extents: readonly number[]
  readonly strideA: readonly number[]
  readonly strideB: readonly number[]
}

/** Rows per invocation of the uniform-row variant; few rows waste less with the smaller tile. */
const uniformRows = (m: number) => (m <= 4 ? 4 : m <= 8 ? 8 : 16)

function writeParameters(writer: ParameterWriter, { m, n, k, batch }: MatmulProblem): void {
  writer.u32(m).u32(n).u32(k).u32(batch.count)
  writer.vectors(batch.extents, 4, 1).vectors(batch.strideA, 4).vectors(batch.strideB, 4)
}

function specialize(problem: MatmulProblem, width: 1 | 4): Specialization {
  const { a, b, y, bias, transposeA, transposeB } = problem
  const element = (dtype: DType) => (width === 4 ? `vec4<${dtype}>` : dtype)
  const value = element('f32')
  const output = `@group(0) @binding(${bias ? 3 : 2}) var<storage, read_write> y: array<${element(y)}>;`
  const code = bias
    ? `@group(0) @binding(2) var<storage, read> bias: array<${element(bias)}>;\n${output}
fn biasAt(i: u32) -> ${value} { return ${value}(bias[i]); }`
    : `${output}\nfn biasAt(i: u32) -> ${value} { return ${value}(); }`
  return {
    types: { TypeA: a, TypeB: b, Output: y },
    constants: {
      TRANSPOSE_A: transposeA,
      TRANSPOSE_B: transposeB,
      HAS_BIAS: bias !== undefined,
      ...(width === 4 ? { ROWS: uniformRows(problem.m) } : {}),
    },
    code,
  }
}

const key = ({ a, b, y, bias, transposeA, transposeB }: MatmulProblem) =>
  `|${a}|${b}|${y}|${bias}|${transposeA}|${transposeB}`

export const matmulKernel = defineKernel<MatmulProblem>({
  name: 'matmul',
  variants: [
    {
      name: 'uniformRow',
      wgsl: uniformRowWgsl,
      supports: (_, { m, n, k, transposeA }) => n % 4 === 0 && k % 4 === 0 && k > 0 && (!transposeA || m % 4 === 0),
      key: (problem) => `${key(problem)}|${uniformRows(problem.m)}`,
      specialize: (problem) => specialize(problem, 4),
      parameters: writeParameters,
      workgroups: ({ m, n, batch }) => Math.ceil(m / uniformRows(m)) * Math.ceil(n / 128) * batch.count,
    },
    {
      name: 'portable',
      wgsl: portableWgsl,
      key,
      specialize: (problem) => specialize(problem, 1),
      parameters: writeParameters,
      workgroups: ({ m, n, batch }) => Math.ceil(m / 32) * Math.ceil(n / 32) * batch.count,
    },
  ],
})

/** The kernel behind matmul and linear: the product skeletons with operands in storage. */
import type { DType } from '../../engine/dtype.js'
import { defineGemm, forOperand, type GemmClient, type GemmOperand, skeletons } from '../gemm/index.js'
import { epilogueCode, epilogueKey, epilogueSources, type StoredEpilogue } from './epilogue-code.js'
import paramsWgsl from './params.wgsl'
import raggedInnerWgsl from './ragged-inner.wgsl'
import raggedOuterWgsl from './ragged-outer.wgsl'
import storeWgsl from './store.wgsl'
import wholeWgsl from './whole.wgsl'

/** `y[batch, i, j] = finish(sum_k a[i, k] b[k, j])`, where `finish` is what the epilogue says. */
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
  readonly epilogue: StoredEpilogue
  readonly batch: MatmulBatch
}

/** At most four merged batch axes, last first; strides in elements, 0 where an operand is broadcast. */
export interface MatmulBatch {
  readonly count: number
  readonly extents: readonly number[]
  readonly strideA: readonly number[]
  readonly strideB: readonly number[]
}

type FloatType = 'f32' | 'f16'

/** Elements of an operand's last axis. */
const lastOf = ({ vectors }: GemmOperand, outer: number, k: number): number => (vectors === 'inner' ? k : outer)

function operandOf(letter: 'A' | 'B', operand: GemmOperand, isWhole: boolean): string {
  const text = isWhole ? wholeWgsl : operand.vectors === 'inner' ? raggedInnerWgsl : raggedOuterWgsl
  return forOperand(text, letter)
}

const stored = (dtype: DType, isWhole: boolean) => (isWhole ? `vec4<${dtype}>` : dtype)

function operandsOf({ transposeA, transposeB, a, b }: MatmulProblem): { a: GemmOperand; b: GemmOperand } {
  return {
    a: { vectors: transposeA ? 'outer' : 'inner', dtype: a as FloatType, isStrided: true },
    b: { vectors: transposeB ? 'inner' : 'outer', dtype: b as FloatType, isStrided: true },
  }
}

/** Which rows are whole 4-vectors: of A, B and y. */
function wholeness(problem: MatmulProblem): readonly [boolean, boolean, boolean] {
  const { m, n, k } = problem
  const { a, b } = operandsOf(problem)
  return [lastOf(a, m, k) % 4 === 0, lastOf(b, n, k) % 4 === 0, n % 4 === 0]
}

const client: GemmClient<MatmulProblem> = {
  name: 'matmul',
  shape: (problem) => ({
    m: problem.m,
    n: problem.n,
    k: problem.k,
    batch: problem.batch.count,
    tensors: 3 + problem.epilogue.operands.length + Number(problem.epilogue.keepsSum),
    ...operandsOf(problem),
  }),
  key(problem) {
    const { a, b, y, epilogue, transposeA, transposeB, batch } = problem
    return `${a}|${b}|${y}|${epilogueKey(epilogue)}|${transposeA}|${transposeB}|${wholeness(problem)}|${batch.count > 1}`
  },
  kind(problem) {
    const { a, b, transposeA, transposeB, batch } = problem
    const stored = (dtype: DType, isTransposed: boolean) => `${dtype}${isTransposed ? ' transposed' : ''}`
    const ragged = ['a', 'b', 'y'].filter((_, i) => !wholeness(problem)[i])
    const parts = [`${stored(a, transposeA)} x ${stored(b, transposeB)}`]
    if (ragged.length > 0) parts.push(`ragged ${ragged.join(' ')}`)
    if (batch.count > 1) parts.push('batched')
    return parts.join(', ')
  },
  sources: [paramsWgsl, wholeWgsl, raggedInnerWgsl, raggedOuterWgsl, storeWgsl, ...epilogueSources],
  source(problem) {
    const { epilogue, y, batch } = problem
    const { a, b } = operandsOf(problem)
    const [wholeA, wholeB, wholeY] = wholeness(problem)
    return {
      // An alias of every type: one that is f16 brings its extension along.
      types: { YType: y, ...Object.fromEntries(epilogue.operands.map(({ name, dtype }) => [`${name}Type`, dtype])) },
      constants: {
        A_INNER: a.vectors === 'inner',
        B_INNER: b.vectors === 'inner',
        BATCHED: batch.count > 1,
      },
      inputs: [
        { name: 'a', type: stored(a.dtype, wholeA) },
        { name: 'b', type: stored(b.dtype, wholeB) },
        ...epilogue.operands.map(({ name, dtype }) => ({ name, type: stored(dtype, wholeY) })),
      ],
      outputs: ['y', ...(epilogue.keepsSum ? ['sums'] : [])].map((name) => ({ name, type: stored(y, wholeY) })),
      shared: paramsWgsl,
      readers: [operandOf('A', a, wholeA), operandOf('B', b, wholeB)].join('\n'),
      store: `${epilogueCode(epilogue, wholeY)}\n${storeWgsl}`,
    }
  },
  parameters(writer, { batch, epilogue }) {
    writer.vectors(batch.extents, 4, 1).vectors(batch.strideA, 4).vectors(batch.strideB, 4).f32(epilogue.factor)
  },
}

export const matmulKernel = defineGemm(client, skeletons)

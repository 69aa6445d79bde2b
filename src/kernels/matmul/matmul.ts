import { checkDType, type DType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import {
  apply,
  type CaseInput,
  defineOp,
  type ForwardContext,
  type OpCase,
  type ReferenceArray,
} from '../../engine/op.js'
import { broadcastShapes, formatShape, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import { mergeAxes } from '../elementwise/kernel.js'
import { broadcastReader } from '../elementwise/op.js'
import { sumTo } from '../reduce/sum-to.js'
import {
  checkEpilogue,
  type EpilogueOptions,
  epilogueBytes,
  epilogueGradients,
  epilogueOf,
  epilogueReference,
  type FusedEpilogue,
  fuseEpilogue,
  resolveEpilogue,
  type WithEpilogue,
} from './epilogue.js'
import { type MatmulBatch, matmulKernel } from './kernel.js'

/** How the operands lie. */
export interface Transposes {
  /** The stored `a` is the transpose of the operand (its last two axes). */
  readonly transposeA?: boolean | undefined
  /** The stored `b` is the transpose of the operand (its last two axes). */
  readonly transposeB?: boolean | undefined
}

export interface MatmulOptions extends Transposes, EpilogueOptions {}

type Options = Transposes & WithEpilogue

/** Factors, in front of the epilogue's operands. */
const first = 2

interface Extents {
  readonly m: number
  readonly n: number
  readonly k: number
  readonly batch: readonly number[]
}

function extentsOf(op: string, a: Shape, b: Shape, { transposeA, transposeB }: Transposes): Extents {
  if (a.length < 2 || b.length < 2) {
    throw new ShapeError(`${op}: takes tensors of two or more axes, got ${formatShape(a)} and ${formatShape(b)}`)
  }
  const [rowsA, columnsA] = a.slice(-2) as [number, number]
  const [rowsB, columnsB] = b.slice(-2) as [number, number]
  const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA]
  const [inner, n] = transposeB ? [columnsB, rowsB] : [rowsB, columnsB]
  if (k !== inner) {
    const note =
      transposeA || transposeB ? ` (a${transposeA ? ' transposed' : ''}, b${transposeB ? ' transposed' : ''})` : ''
    throw new ShapeError(
      `${op}: ${formatShape(a)} and ${formatShape(b)}${note} do not share their inner extent: ${k} and ${inner}`,
    )
  }
  return { m, n, k, batch: broadcastShapes(op, a.slice(0, -2), b.slice(0, -2)) }
}

/** The batch axes as the kernel walks them. */
function batchOf(op: string, a: Shape, b: Shape, { m, n, k, batch }: Extents): MatmulBatch {
  const { extents, strides } = mergeAxes(op, batch, [a.slice(0, -2), b.slice(0, -2)])
  if (extents.length > 4) throw new ShapeError(`${op}: takes up to 4 distinct batch axes, got ${formatShape(batch)}`)
  return {
    count: sizeOf(batch),
    extents,
    strideA: strides[0]!.map((stride) => stride * m * k),
    strideB: strides[1]!.map((stride) => stride * k * n),
  }
}

const resultType = (a: TensorSpec, b: TensorSpec): DType => (a.dtype === 'f16' && b.dtype === 'f16' ? 'f16' : 'f32')

interface MatmulCall {
  readonly op: string
  readonly a: Tensor
  readonly b: Tensor
  readonly y: Tensor
  readonly options: Transposes
  readonly fused: FusedEpilogue
  /** The epilogue's. */
  readonly tensors: readonly Tensor[]
}

/** Records `y = a b` and what the epilogue does to it. */
export function runMatmul(run: ForwardContext['run'], { op, a, b, y, options, fused, tensors }: MatmulCall): void {
  const extents = extentsOf(op, a.shape, b.shape, options)
  run({
    kernel: matmulKernel,
    problem: {
      m: extents.m,
      n: extents.n,
      k: extents.k,
      transposeA: options.transposeA ?? false,
      transposeB: options.transposeB ?? false,
      a: a.dtype,
      b: b.dtype,
      y: y.dtype,
      epilogue: fused.stored,
      batch: batchOf(op, a.shape, b.shape, extents),
    },
    inputs: [a, b, ...tensors],
    outputs: fused.sums ? [y, fused.sums] : [y],
  })
}

function productReference([a, b]: readonly ReferenceArray[], options: Transposes): ReferenceArray {
  const { m, n, k, batch } = extentsOf('matmul', a!.shape, b!.shape, options)
  const data = new Float64Array(sizeOf(batch) * m * n)
  const readA = broadcastReader(a!, [...batch, ...a!.shape.slice(-2)])
  const readB = broadcastReader(b!, [...batch, ...b!.shape.slice(-2)])
  for (let at = 0; at < data.length; at++) {
    const j = at % n
    const i = Math.floor(at / n) % m
    const group = Math.floor(at / (m * n))
    for (let p = 0; p < k; p++) {
      const left = options.transposeA ? p * m + i : i * k + p
      const right = options.transposeB ? j * k + p : p * n + j
      data[at]! += readA(group * m * k + left) * readB(group * k * n + right)
    }
  }
  return { data, shape: [...batch, m, n] }
}

const matmulOp = defineOp<Options>({
  name: 'matmul',
  doc: 'Matrix product over the last two axes, with an epilogue; leading axes broadcast.',
  shape([a, b, ...others], options) {
    checkDType('matmul', ['f32', 'f16'], a!, b!)
    const { m, n, batch } = extentsOf('matmul', a!.shape, b!.shape, options)
    const shape = [...batch, m, n]
    checkEpilogue('matmul', epilogueOf(options, first + others.length), others, shape)
    return [{ shape, dtype: resultType(a!, b!) }]
  },
  forward(context, inputs, options) {
    const [a, b, ...tensors] = inputs
    const y = context.empty()
    const fused = fuseEpilogue(context, epilogueOf(options, inputs.length), tensors, inputs)
    runMatmul(context.run, { op: 'matmul', a: a!, b: b!, y, options, fused, tensors })
    context.save(a!, b!, ...fused.save(y))
    return y
  },
  backward(context, [dy], [a, b, ...saved], options) {
    const { transposeA = false, transposeB = false } = options
    const epilogue = epilogueOf(options, context.inputs.length)
    const { product: gradient, operands } = epilogueGradients(context, epilogue, dy!, saved)
    const [shapeA, shapeB] = context.inputs.map(({ shape }) => shape)
    const product = (left: Tensor, right: Tensor, tA: boolean, tB: boolean) =>
      matmul(left, right, { transposeA: tA, transposeB: tB })
    const da = () => (transposeA ? product(b!, gradient, transposeB, true) : product(gradient, b!, false, !transposeB))
    const db = () => (transposeB ? product(gradient, a!, true, transposeA) : product(a!, gradient, !transposeA, false))
    return [
      context.needs[0] ? sumTo(context, da(), shapeA!) : undefined,
      context.needs[1] ? sumTo(context, db(), shapeB!) : undefined,
      ...operands,
    ]
  },
  reference(inputs, options) {
    const epilogue = epilogueOf(options, inputs.length)
    return [epilogueReference(productReference(inputs, options), epilogue, inputs.slice(first))]
  },
  cost([a, b, ...others], options) {
    const { m, n, k, batch } = extentsOf('matmul', a!.shape, b!.shape, options)
    const count = sizeOf(batch)
    const elements = sizeOf(a!.shape) + sizeOf(b!.shape) + count * m * n
    return { flops: 2 * count * m * n * k, bytes: 4 * elements + epilogueBytes(others) }
  },
  cases: [
    ...transposedCases('odd extents', 17, 13, 5),
    ...transposedCases('whole vectors', 20, 8, 12),
    { name: 'deep', inputs: [{ shape: [3, 600] }, { shape: [600, 2] }], options: {} },
    { name: 'one element', inputs: [{ shape: [1, 1] }, { shape: [1, 1] }], options: {} },
    { name: 'no inner extent', inputs: [{ shape: [2, 0] }, { shape: [0, 3] }], options: {} },
    { name: 'broadcast batches', inputs: [{ shape: [2, 1, 3, 4] }, { shape: [3, 4, 8] }], options: {} },
    { name: 'shared right side', inputs: [{ shape: [3, 5, 8] }, { shape: [8, 4] }], options: {} },
    {
      name: 'batches with everything behind the product',
      inputs: [{ shape: [2, 3, 6] }, { shape: [6, 5] }, { shape: [5] }, { shape: [2, 3, 5] }, { shape: [2, 3, 5] }],
      options: {
        epilogue: { operands: ['bias', 'multiply', 'residual'], activation: { name: 'silu', slope: 0 }, factor: -0.5 },
      },
    },
    ...[256, 512, 1024].map((n) => ({ name: `square ${n}`, inputs: square(n), options: {}, bench: true })),
  ],
})

function square(n: number): CaseInput[] {
  return [{ shape: [n, n] }, { shape: [n, n] }]
}

function transposedCases(name: string, m: number, k: number, n: number): OpCase<Options>[] {
  return [false, true].flatMap((transposeA) =>
    [false, true].map((transposeB) => ({
      name: `${name}${transposeA ? ', a transposed' : ''}${transposeB ? ', b transposed' : ''}`,
      inputs: [{ shape: transposeA ? [k, m] : [m, k] }, { shape: transposeB ? [n, k] : [k, n] }],
      options: { transposeA, transposeB },
    })),
  )
}

/**
 * Matrix product of `a` `[..., m, k]` and `b` `[..., k, n]`; leading axes broadcast as in NumPy. f32 accumulation; the
 * result is f16 only when both operands are. Bias, activation, gate, scale and residual ({@link EpilogueOptions}) are
 * applied to the sums in the same pass.
 *
 * @throws ShapeError when the inner extents, the leading axes or a tensor of the epilogue do not fit; ValueError for an
 * unknown activation or a scale that is not finite.
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA, transposeB } = options
  const { epilogue, tensors } = resolveEpilogue('matmul', options)
  return apply(matmulOp, [a, b, ...tensors], { transposeA, transposeB, epilogue })
}

/** The fused kernels that normalise rows, and their gradient. */
import type { DType } from '../../engine/dtype.js'
import { defineKernel } from '../../engine/kernel.js'
import type { Tensor } from '../../engine/tensor.js'
import type { KernelContext } from '../variance/fold.js'
import { runMappedSum } from '../variance/mapped-sum.js'
import { rowsBucket, teamVariants } from '../variance/team.js'
import { vectorCode, vectorTypes, vectorWidth } from '../variance/vector.js'
import { type BoundArray, declareArrays, optionalVector } from './bindings.js'
import rowWgsl from './row.wgsl'
import rowGradientWgsl from './row-gradient.wgsl'

/** `layer`: mean 0 and variance 1. `rms`: mean square 1. `length`: Euclidean length 1. */
export type RowNorm = 'layer' | 'rms' | 'length'

const kinds: Record<RowNorm, number> = { layer: 0, rms: 1, length: 2 }

interface RowProblem {
  readonly kind: RowNorm
  readonly rows: number
  readonly length: number
  readonly epsilon: number
  readonly dtype: DType
  readonly weight: DType | undefined
  readonly bias: DType | undefined
  /** Whether the forward pass keeps statistics. */
  readonly saves: boolean
}

const vector = (dtype: DType, length: number) => (vectorWidth(length) === 4 ? `vec4<${dtype}>` : dtype)

function forwardCode({ kind, length, weight, bias, saves }: RowProblem): string {
  const arrays: BoundArray[] = [
    { name: 'x', type: 'Element' },
    ...(weight ? [{ name: 'weight', type: vector(weight, length) }] : []),
    ...(bias ? [{ name: 'bias', type: vector(bias, length) }] : []),
    { name: 'y', type: 'Element', writes: true },
    ...(saves && kind === 'layer' ? [{ name: 'means', type: 'f32', writes: true }] : []),
    ...(saves ? [{ name: 'inverses', type: 'f32', writes: true }] : []),
  ]
  return [
    declareArrays(arrays),
    optionalVector('weight', weight !== undefined, '1.0'),
    optionalVector('bias', bias !== undefined, '0.0'),
    'fn saveRow(row: u32, mean: f32, inverse: f32) {',
    saves && kind === 'layer' ? '  means[row] = mean;' : '',
    saves ? '  inverses[row] = inverse;' : '',
    '}',
    vectorCode(vectorWidth(length)),
  ].join('\n')
}

function gradientCode({ kind, length, weight }: RowProblem): string {
  const arrays: BoundArray[] = [
    { name: 'dy', type: 'Element' },
    { name: 'x', type: 'Element' },
    ...(weight ? [{ name: 'weight', type: vector(weight, length) }] : []),
    ...(kind === 'layer' ? [{ name: 'means', type: 'f32' }] : []),
    { name: 'inverses', type: 'f32' },
    { name: 'dx', type: 'Element', writes: true },
  ]
  return [
    declareArrays(arrays),
    optionalVector('weight', weight !== undefined, '1.0'),
    `fn meanOf(row: u32) -> f32 { return ${kind === 'layer' ? 'means[row]' : '0.0'}; }`,
    vectorCode(vectorWidth(length)),
  ].join('\n')
}

const variants = (wgsl: string, code: (problem: RowProblem) => string) =>
  teamVariants<RowProblem>({
    wgsl,
    rows: ({ rows }) => rows,
    loads: ({ length }) => length / vectorWidth(length),
    key: ({ kind, length, dtype, weight, bias, saves }) =>
      `|${kind}|${vectorWidth(length)}|${dtype}|${weight}|${bias}|${saves}`,
    specialize: (problem) => ({
      types: {
        ...vectorTypes(vectorWidth(problem.length), { Element: problem.dtype }),
        // Brings `enable f16;` along for parameters.
        Weight: problem.weight ?? 'f32',
        Bias: problem.bias ?? 'f32',
      },
      constants: { KIND: kinds[problem.kind] },
      code: code(problem),
    }),
    parameters: (writer, { rows, length, epsilon }) =>
      writer
        .u32(rows)
        .u32(length / vectorWidth(length))
        .f32(length)
        .f32(epsilon),
  })

const rowNormKernel = defineKernel({
  name: 'rowNorm',
  bucket: rowsBucket,
  variants: variants(rowWgsl, forwardCode),
})
const rowNormGradientKernel = defineKernel({
  name: 'rowNormGradient',
  bucket: rowsBucket,
  variants: variants(rowGradientWgsl, gradientCode),
})

/** What the backward pass needs of each row, f32. */
export interface RowStatistics {
  /** Of a layer norm. */
  readonly mean: Tensor | undefined
  readonly inverse: Tensor
}

export interface RowNormCall {
  readonly kind: RowNorm
  readonly length: number
  readonly epsilon: number
  readonly x: Tensor
  readonly weight: Tensor | undefined
}

const present = (...tensors: (Tensor | undefined)[]) => tensors.filter((tensor) => tensor !== undefined)

/** Uninitialised statistics for the rows of `x`. */
export function emptyStatistics(context: KernelContext, { kind, length, x }: RowNormCall): RowStatistics {
  const rows = x.size / length
  return {
    mean: kind === 'layer' ? context.empty([rows], 'f32') : undefined,
    inverse: context.empty([rows], 'f32'),
  }
}

/** Records `y`, and fills `statistics` if given. */
export function runRowNorm(
  context: KernelContext,
  { kind, length, epsilon, x, weight }: RowNormCall,
  { bias, y, statistics }: { bias?: Tensor | undefined; y: Tensor; statistics?: RowStatistics | undefined },
): void {
  const problem: RowProblem = {
    kind,
    rows: x.size / length,
    length,
    epsilon,
    dtype: x.dtype,
    weight: weight?.dtype,
    bias: bias?.dtype,
    saves: statistics !== undefined,
  }
  const inputs = present(x, weight, bias)
  context.run({
    kernel: rowNormKernel,
    problem,
    inputs,
    outputs: present(y, statistics?.mean, statistics?.inverse),
  })
}

/** Records the gradient with respect to x. */
export function runRowNormGradient(
  context: KernelContext,
  { kind, length, epsilon, x, weight }: RowNormCall,
  { mean, inverse }: RowStatistics,
  dy: Tensor,
  dx: Tensor,
): void {
  const problem: RowProblem = {
    kind,
    rows: x.size / length,
    length,
    epsilon,
    dtype: x.dtype,
    weight: weight?.dtype,
    bias: undefined,
    saves: false,
  }
  context.run({
    kernel: rowNormGradientKernel,
    problem,
    inputs: present(dy, x, weight, mean, inverse),
    outputs: [dx],
  })
}

/** Records the gradients of weight and bias, sums over all rows: f32 of the row's length each. */
export function runParameterGradients(
  context: KernelContext,
  { length, x }: RowNormCall,
  { mean, inverse }: RowStatistics,
  dy: Tensor,
  { weight, bias }: { weight: Tensor | undefined; bias: Tensor | undefined },
): void {
  const results = [
    ...(weight ? [{ term: mean ? 'g * (x - mean) * inverse' : 'g * x * inverse', tensor: weight }] : []),
    ...(bias ? [{ term: 'g', tensor: bias }] : []),
  ]
  if (results.length === 0) return
  runMappedSum(context, {
    name: `norm parameters ${results.map(({ term }) => term).join()}`,
    operands: [
      { name: 'g', tensor: dy },
      ...(weight ? [{ name: 'x', tensor: x }] : []),
      ...(weight && mean ? [{ name: 'mean', tensor: mean, follow: 'line' as const }] : []),
      ...(weight ? [{ name: 'inverse', tensor: inverse, follow: 'line' as const }] : []),
    ],
    terms: results.map(({ term }) => term),
    results: results.map(({ tensor }) => ({ tensor })),
    runs: [{ outer: 1, length: x.size / length, inner: length }],
  })
}

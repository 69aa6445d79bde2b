/** WGSL that all attention kernels share: their bindings, types, constants and parameters. */
import type { DType } from '../../engine/dtype.js'
import type { Specialization } from '../../engine/kernel.js'
import type { ParameterWriter } from '../../engine/parameters.js'
import { probabilityThreshold } from '../random/fill.js'
import philoxWgsl from '../random/philox.wgsl'
import { type AttentionProblem, columnsOf, vectorWidth } from './problem.js'
import scoreWgsl from './score.wgsl'

/** A buffer of a kernel: its name in the source, and the type of its elements. */
export type Binding = readonly [name: string, element: string]

/** Declarations of a kernel's inputs and then outputs, in the order of the dispatch. */
export function declareBindings(inputs: readonly Binding[], outputs: readonly Binding[], firstOutput?: number): string {
  const declare = ([name, element]: Binding, binding: number, access: string) =>
    `@group(0) @binding(${binding}) var<storage, ${access}> ${name}: array<${element}>;`
  return [
    ...inputs.map((input, i) => declare(input, i, 'read')),
    ...outputs.map((output, i) => declare(output, (firstOutput ?? inputs.length) + i, 'read_write')),
  ].join('\n')
}

export const elementType = (headDim: number, dtype: DType): string =>
  vectorWidth(headDim) === 4 ? `vec4<${dtype}>` : dtype

export const vectorTypes = (headDim: number, stored: DType): Record<string, string> => ({
  Stored: elementType(headDim, stored),
  Value: elementType(headDim, 'f32'),
})

/** The product of two `Value`s. */
export const innerProduct = (headDim: number): string =>
  `fn inner(a: Value, b: Value) -> f32 { return ${vectorWidth(headDim) === 4 ? 'dot(a, b)' : 'a * b'}; }`

/** Pairs (a, b) of a vector as (-b, a). Single numbers have no neighbour: rotary positions need whole vectors. */
const crossed = (headDim: number): string =>
  `fn crossed(a: Value) -> Value { return ${vectorWidth(headDim) === 4 ? 'vec4f(-a.y, a.x, -a.w, a.z)' : 'a'}; }`

const labelModes = { mask: 1, segments: 2, lengths: 3 } as const

/** Inputs beside q, k and v in the forward pass, for those that a problem has: bias, labels, rope. */
function forwardExtras({ bias, labels, rope, headDim }: AttentionProblem): Binding[] {
  return [
    ...(bias ? [['bias', bias.dtype] as const] : []),
    ...(labels ? [['label', 'u32'] as const] : []),
    ...(rope ? [['rope', elementType(headDim, rope.dtype)] as const] : []),
  ]
}

/** f32 values of the side buffer of the gradients: three numbers per query, then labels, then the rotary table. */
export function sideSize({ batch, heads, queries, labels, rope, headDim }: AttentionProblem): number {
  return 3 * batch * heads * queries + (labels?.size ?? 0) + (rope ? rope.rows * 2 * headDim : 0)
}

function common(problem: AttentionProblem): Specialization {
  const { headDim, dtype, causal, bias, labels, rope, dropout } = problem
  return {
    types: vectorTypes(headDim, dtype),
    constants: {
      COLUMNS: columnsOf(headDim),
      CAUSAL: causal,
      HAS_BIAS: bias !== undefined,
      LABELS: labels === undefined ? 0 : labelModes[labels.kind],
      ROPE: rope !== undefined,
      DROPOUT: dropout !== undefined,
    },
    code: [innerProduct(headDim), crossed(headDim), philoxWgsl, scoreWgsl].join('\n'),
  }
}

const withCode = (base: Specialization, ...code: readonly string[]): Specialization => ({
  ...base,
  code: [...code, base.code].join('\n'),
})

/** For kernels of the forward pass: inputs q, k, v and what the problem has of bias, labels and rope. */
export function forwardSource(problem: AttentionProblem, outputs: readonly Binding[]): Specialization {
  const { headDim, dtype, bias, labels, rope } = problem
  const stored = elementType(headDim, dtype)
  const inputs: Binding[] = [['q', stored], ['k', stored], ['v', stored], ...forwardExtras(problem)]
  return withCode(
    common(problem),
    declareBindings(inputs, outputs),
    `fn biasAt(i: u32) -> f32 { return ${bias ? 'f32(bias[i])' : '0.0'}; }`,
    `fn labelAt(i: u32) -> u32 { return ${labels ? 'label[i]' : '0u'}; }`,
    `fn ropeAt(i: u32) -> Value { return ${rope ? 'Value(rope[i])' : 'Value()'}; }`,
  )
}

/**
 * For kernels of the backward pass: inputs q, k, v, dy, the side buffer and, if there is one, the bias. Everything else
 * is in the side buffer, so that eight bindings, which every adapter has, are enough.
 */
export function gradientSource(problem: AttentionProblem, outputs: readonly Binding[]): Specialization {
  const { headDim, dtype, bias, labels, rope } = problem
  const stored = elementType(headDim, dtype)
  const inputs: Binding[] = [
    ...(['q', 'k', 'v', 'dy'] as const).map((name): Binding => [name, stored]),
    ['side', 'f32'],
    ...(bias ? [['bias', bias.dtype] as const] : []),
  ]
  const table =
    vectorWidth(headDim) === 4
      ? 'let at = ropeFirst() + 4u * i; return vec4f(side[at], side[at + 1u], side[at + 2u], side[at + 3u]);'
      : 'return side[ropeFirst() + i];'
  return withCode(
    common(problem),
    declareBindings(inputs, outputs),
    `fn biasAt(i: u32) -> f32 { return ${bias ? 'f32(bias[i])' : '0.0'}; }`,
    'fn rowCount() -> u32 { return params.batch * params.heads * params.queries; }',
    'fn ropeFirst() -> u32 { return 3u * rowCount() + params.labelSize; }',
    `fn labelAt(i: u32) -> u32 { return ${labels ? 'bitcast<u32>(side[3u * rowCount() + i])' : '0u'}; }`,
    `fn ropeAt(i: u32) -> Value { ${rope ? table : 'return Value();'} }`,
    'fn rowIndex(batch: u32, head: u32, query: u32) -> u32 { return (batch * params.heads + head) * params.queries + query; }',
    'fn largestOf(row: u32) -> f32 { return side[row]; }',
    'fn factorOf(row: u32) -> f32 { return side[rowCount() + row]; }',
    'fn deltaOf(row: u32) -> f32 { return side[2u * rowCount() + row]; }',
  )
}

/** What a specialisation depends on beside tile sizes: making one at every dispatch would take longer than recording it. */
export function sourceKey({ headDim, dtype, causal, bias, labels, rope, dropout }: AttentionProblem): string {
  return `|${dtype}|${headDim}|${causal}|${bias?.dtype}|${labels?.kind}|${rope?.dtype}|${dropout !== undefined}`
}

/** Adds tile sizes to the constants. */
export function withConstants(base: Specialization, constants: Record<string, number | boolean>): Specialization {
  return { ...base, constants: { ...base.constants, ...constants } }
}

/** Writes `Params` of score.wgsl. */
export function writeScoreParameters(writer: ParameterWriter, problem: AttentionProblem, parts = 1): void {
  const { batch, heads, queries, keys, firstKey, scale, bias, labels, rope, dropout } = problem
  writer.u32(batch).u32(heads).u32(queries).u32(keys).f32(scale)
  writer
    .f32(labels?.penalty ?? 0)
    .u32(parts)
    .u32(labels?.batch ?? 1)
  writer.vectors(bias?.strides ?? [], 4)
  writer
    .u32(bias?.batch ?? 1)
    .u32(dropout?.draw.seed ?? 0)
    .u32(dropout?.draw.index ?? 0)
    .u32(probabilityThreshold('attention: dropout', dropout?.p ?? 0))
    .f32(dropout && dropout.p < 1 ? 1 / (1 - dropout.p) : 0)
    .u32(rope?.queryRows ?? 1)
    .u32(rope?.keyRows ?? 1)
    .u32(rope?.keyFirst ?? 0)
    .u32(firstKey)
    .u32(labels?.size ?? 0)
}

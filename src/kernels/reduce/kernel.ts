/** Reductions of one run of axes; others are sequences of these. */
import type { DType } from '../../engine/dtype.js'
import { type DispatchRequest, defineKernel } from '../../engine/kernel.js'
import { magnitudeOf } from '../../engine/preferences.js'
import { type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import columnWgsl from './column.wgsl'
import combineWgsl from './combine.wgsl'
import rowWgsl from './row.wgsl'

export type ReduceMode = 'sum' | 'max' | 'min'

/** `[outer, length, inner]` to `[outer, inner]`; cut into parts, to `[outer, parts]` (rows) or `[parts, outer, inner]`. */
export interface ReduceProblem {
  readonly mode: ReduceMode
  readonly value: DType
  readonly target: DType
  readonly outer: number
  readonly length: number
  readonly inner: number
  readonly parts: number
  readonly scale: number
}

const modes: Record<ReduceMode, number> = { sum: 0, max: 1, min: 2 }

const accumulator = (dtype: DType): DType => (dtype === 'f16' ? 'f32' : dtype)

const specialize = ({ mode, value, target, scale }: ReduceProblem) => ({
  types: { Value: value, Target: target, Accumulator: accumulator(value) },
  constants: { MODE: modes[mode], SCALED: scale !== 1 },
  code: combineWgsl,
})

const key = ({ mode, value, target, scale }: ReduceProblem) => `|${mode}|${value}|${target}|${scale !== 1}`

/** Lanes that share a row: all of it if short, else a workgroup. */
function teamSize(length: number): number {
  let team = 1
  while (team < 256 && team * 4 <= length) team *= 2
  return team
}

export const reduceKernel = defineKernel<ReduceProblem>({
  name: 'reduce',
  bucket: ({ mode, value, outer, length, inner }) =>
    inner > 1 ? 'columns' : `${mode} ${value}, 2^${magnitudeOf(outer)} rows of 2^${magnitudeOf(length)}`,
  variants: [
    {
      name: 'row',
      wgsl: rowWgsl,
      supports: (_, { inner }) => inner === 1,
      key: (problem) => `${key(problem)}|${teamSize(problem.length)}`,
      specialize: (problem) => {
        const base = specialize(problem)
        return { ...base, constants: { ...base.constants, TEAM: teamSize(problem.length) } }
      },
      parameters: (writer, { outer, length, parts, scale }) => writer.u32(outer).u32(length).u32(parts).f32(scale),
      workgroups: ({ outer, length, parts }) => Math.ceil((outer * parts) / (256 / teamSize(length))),
    },
    {
      name: 'column',
      wgsl: columnWgsl,
      // Parts of rows would come out in another order than those of the row variant.
      supports: (_, { inner, parts }) => inner > 1 || parts === 1,
      key,
      specialize,
      parameters: (writer, { outer, length, inner, parts, scale }) =>
        writer
          .u32(outer * inner)
          .u32(inner)
          .u32(length)
          .u32(parts)
          .f32(scale),
      workgroups: ({ outer, inner, parts }) => Math.ceil((outer * inner * parts) / 256),
    },
  ],
})

/** Invocations that keep a large GPU busy; reductions with fewer are cut into parts. */
const enoughInvocations = 16384
/** Elements of the reduced axis that one invocation should have at least. */
const leastWork = 64

function partsOf({ outer, length, inner }: { outer: number; length: number; inner: number }): number {
  const lanes = inner === 1 ? outer * teamSize(length) : outer * inner
  const wanted = Math.ceil(enoughInvocations / Math.max(1, lanes))
  const possible = Math.floor(length / (leastWork * (inner === 1 ? teamSize(length) : 1)))
  return Math.max(1, Math.min(wanted, possible))
}

interface ReduceContext {
  empty(shape: Shape, dtype?: DType): Tensor
  run<P>(request: DispatchRequest<P>): void
}

export interface ReduceRequest {
  readonly mode: ReduceMode
  readonly axes: readonly number[]
  /** Type of the result; partial results are f32 for floats. */
  readonly dtype: DType
  readonly outputShape: Shape
  /** Factor of the final result. */
  readonly scale?: number
}

/** Reduces `input` over sorted, distinct axes. Returns a tensor of `outputShape`. */
export function runReduce(context: ReduceContext, input: Tensor, request: ReduceRequest): Tensor {
  const groups = axisGroups(input.shape, request.axes)
  let current = input
  for (const [step, group] of groups.entries()) {
    const final = step === groups.length - 1
    const target = final ? request.dtype : accumulator(input.dtype)
    const scale = final ? (request.scale ?? 1) : 1
    current = reduceGroup(context, current, { mode: request.mode, ...group, scale, target })
  }
  return current.alias(request.outputShape)
}

function reduceGroup(context: ReduceContext, value: Tensor, problem: Omit<ReduceProblem, 'parts' | 'value'>): Tensor {
  const { outer, inner, target } = problem
  const parts = partsOf(problem)
  if (parts === 1) {
    const output = context.empty([outer, inner], target)
    context.run({
      kernel: reduceKernel,
      problem: { ...problem, value: value.dtype, parts },
      inputs: [value],
      outputs: [output],
    })
    return output
  }
  const partial = context.empty(inner === 1 ? [outer, parts] : [parts, outer, inner], accumulator(value.dtype))
  const first = { ...problem, value: value.dtype, target: partial.dtype, parts, scale: 1 }
  context.run({ kernel: reduceKernel, problem: first, inputs: [value], outputs: [partial] })
  const rest = inner === 1 ? { outer, length: parts, inner } : { outer: 1, length: parts, inner: outer * inner }
  return reduceGroup(context, partial, { ...problem, ...rest })
}

/**
 * Runs of neighbouring reduced axes, last run first, each as `[outer, length, inner]` of what is left when the runs
 * behind it are gone.
 */
function axisGroups(shape: Shape, axes: readonly number[]): { outer: number; length: number; inner: number }[] {
  const runs: { start: number; end: number }[] = []
  for (const axis of axes) {
    const previous = runs.at(-1)
    if (previous?.end === axis) previous.end = axis + 1
    else runs.push({ start: axis, end: axis + 1 })
  }
  if (runs.length === 0) return [{ outer: sizeOf(shape), length: 1, inner: 1 }]
  const kept = shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent))
  return runs.reverse().map(({ start, end }) => ({
    outer: sizeOf(shape.slice(0, start)),
    length: sizeOf(shape.slice(start, end)),
    inner: sizeOf(kept.slice(end)),
  }))
}

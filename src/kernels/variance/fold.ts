/** Folds: reductions whose running state may be more than one number, over one run of axes after another. */
import type { Device } from '../../engine/device.js'
import type { DType } from '../../engine/dtype.js'
import { type DispatchRequest, defineKernel } from '../../engine/kernel.js'
import { type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import foldWgsl from './fold.wgsl'
import foldStatesWgsl from './fold-states.wgsl'
import { teamVariants } from './team.js'

/** What op contexts, forward and backward, offer to kernels. */
export interface KernelContext {
  readonly device: Device
  empty(shape: Shape, dtype?: DType): Tensor
  run<P>(request: DispatchRequest<P>): void
}

/** A run of neighbouring axes with what lies around it. */
export interface Extents {
  readonly outer: number
  readonly length: number
  readonly inner: number
}

/** The mathematics of a fold, as WGSL. */
export interface FoldFunction {
  /** Names the whole; functions of one name are one. */
  readonly name: string
  readonly state: 'f32' | 'vec2<f32>' | 'vec4<f32>' | 'vec2<u32>'
  /** `neutral()` and a commutative `merge(a, b)`. */
  readonly merge: string
  /** `foldBlock(place, count)` over the inputs, which are arrays under their names. */
  readonly block: string
  /** Statements that store the results, given `at` and `state`. */
  readonly emit: string
}

/** A tensor under the name that the WGSL uses. */
export interface Binding {
  readonly name: string
  readonly tensor: Tensor
}

export interface FoldRequest {
  readonly fn: FoldFunction
  readonly inputs: readonly Binding[]
  /** Tensors of one element for each output position. */
  readonly results: readonly Binding[]
  /** What to reduce, one run after another, as {@link axisRuns} gives them. The first run reads the inputs. */
  readonly runs: readonly Extents[]
  /** Never cuts an axis into parts, so that `emit` may read the inputs again. Takes a single run. */
  readonly whole?: boolean
  /** `params.period` */
  readonly period?: number
  /** `params.options`, at most four. */
  readonly options?: readonly number[]
}

interface Declaration {
  readonly name: string
  readonly dtype: DType
}

interface FoldProblem extends Extents {
  readonly fn: FoldFunction
  /** Undefined: states of an earlier stage. */
  readonly inputs: readonly Declaration[] | undefined
  /** Undefined: states for a later stage. */
  readonly results: readonly Declaration[] | undefined
  readonly parts: number
  readonly period: number
  readonly options: readonly number[]
}

/** Few columns: neighbouring lanes then take neighbouring positions of the axis. */
const interleaves = ({ inputs, inner, parts }: FoldProblem) =>
  inputs !== undefined && inner > 1 && inner < 64 && parts > 1

export const foldKernel = defineKernel<FoldProblem>({
  name: 'fold',
  variants: teamVariants({
    wgsl: foldWgsl,
    rows: ({ outer, inner, parts }) => outer * inner * parts,
    loads: ({ inputs, inner, length, parts }) => (inputs && inner > 1 ? 1 : Math.ceil(length / parts)),
    key: (problem) =>
      `|${problem.fn.name}|${typeKey(problem.inputs)}|${typeKey(problem.results)}|${interleaves(problem)}`,
    specialize: (problem) => ({
      types: typesOf(problem),
      constants: { INTERLEAVED: interleaves(problem) },
      code: codeOf(problem),
    }),
    parameters(writer, { outer, length, inner, parts, period, options }) {
      writer.u32(outer).u32(length).u32(inner).u32(parts)
      writer
        .u32(Math.ceil(length / parts))
        .u32(period)
        .u32(0)
        .u32(0)
      for (let i = 0; i < 4; i++) writer.f32(options[i] ?? 0)
    },
  }),
})

const typeKey = (list: readonly Declaration[] | undefined) => list?.map(({ dtype }) => dtype).join() ?? 'states'

function typesOf({ fn, inputs = [], results = [] }: FoldProblem): Record<string, string> {
  const usesHalf = [...inputs, ...results].some(({ dtype }) => dtype === 'f16')
  return { State: fn.state, ...(usesHalf ? { Half: 'f16' } : {}) }
}

function codeOf({ fn, inputs, results }: FoldProblem): string {
  const sources = inputs ?? [{ name: 'states', dtype: fn.state }]
  const sinks = results ?? [{ name: 'folded', dtype: fn.state }]
  return [
    ...sources.map(({ name, dtype }, k) => `@group(0) @binding(${k}) var<storage, read> ${name}: array<${dtype}>;`),
    ...sinks.map(
      ({ name, dtype }, k) =>
        `@group(0) @binding(${sources.length + k}) var<storage, read_write> ${name}: array<${dtype}>;`,
    ),
    fn.merge,
    inputs ? fn.block : foldStatesWgsl,
    'fn emit(at: u32, state: State) {',
    results ? fn.emit : '  folded[at] = state;',
    '}',
  ].join('\n')
}

/** Elements that one lane should have at least before an axis is cut into parts. */
const leastWork = 32

/** Lanes that keep a large GPU busy. On a CPU, which has no use for them, the parts they make are what fits in its cache. */
const enoughLanes = 131072

function partsOf({ outer, length, inner }: Extents): number {
  const team = inner === 1 ? Math.max(1, Math.min(256, Math.ceil(length / 4))) : 1
  const wanted = Math.ceil(enoughLanes / Math.max(1, outer * inner * team))
  const possible = Math.floor(length / (leastWork * team))
  return Math.max(1, Math.min(wanted, possible, 4096))
}

/** 32-bit words of a state. */
const words = { f32: 1, 'vec2<f32>': 2, 'vec4<f32>': 4, 'vec2<u32>': 2 }

/** Records a fold. The results must not be inputs. */
export function runFold(context: KernelContext, request: FoldRequest): void {
  const { fn, whole = false, period = 1, options = [] } = request
  const [first, ...rest] = request.runs
  const pending: Extents[] = [first!, ...rest]
  let states: Tensor | undefined
  for (let run = pending.shift(); run; run = pending.shift()) {
    const parts = states || whole ? 1 : partsOf(run)
    const { outer, inner } = run
    if (parts > 1) pending.unshift({ outer, length: parts, inner })
    const final = pending.length === 0
    const sink = final ? undefined : context.empty([outer * parts * inner * words[fn.state]], 'f32')
    const declare = (list: readonly Binding[]) => list.map(({ name, tensor: { dtype } }) => ({ name, dtype }))
    context.run({
      kernel: foldKernel,
      problem: {
        ...run,
        fn,
        inputs: states ? undefined : declare(request.inputs),
        results: final ? declare(request.results) : undefined,
        parts,
        period,
        options,
      },
      inputs: states ? [states] : request.inputs.map(({ tensor }) => tensor),
      outputs: sink ? [sink] : request.results.map(({ tensor }) => tensor),
    })
    states = sink
  }
}

/**
 * Runs of neighbouring reduced axes, the last run first, each with the extents of what is left when the runs behind it
 * are gone.
 */
export function axisRuns(shape: Shape, axes: readonly number[]): Extents[] {
  const runs: { start: number; end: number }[] = []
  for (const axis of axes) {
    const previous = runs.at(-1)
    if (previous?.end === axis) previous.end = axis + 1
    else runs.push({ start: axis, end: axis + 1 })
  }
  if (runs.length === 0) return [{ outer: sizeOf(shape), length: 1, inner: 1 }]
  const left = shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent))
  return runs.reverse().map(({ start, end }) => ({
    outer: sizeOf(shape.slice(0, start)),
    length: sizeOf(shape.slice(start, end)),
    inner: sizeOf(left.slice(end)),
  }))
}

/** One axis with what lies around it. */
export function aroundAxis(shape: Shape, axis: number): Extents {
  return {
    outer: sizeOf(shape.slice(0, axis)),
    length: shape[axis]!,
    inner: sizeOf(shape.slice(axis + 1)),
  }
}

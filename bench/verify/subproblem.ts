/**
 * A part of a problem that the float64 reference can afford and that decides part of the full result.
 *
 * Nothing is known of the operation: some input axes are cut to their first entries, and the reference itself certifies
 * which results of the cut problem are final, namely those that stay exactly the same when every cut is longer, once by
 * one entry and once by as much again. First rows of a product, first images of a batch, first planes of a convolution
 * short of the border qualify; a softmax across the cut axis, statistics over it, or a rotation along it change and are
 * rejected. Axes that an integer input points into are not cut: indices would leave them, and change meaning.
 */
import type { OpCase, ReferenceArray } from '../../src/engine/op.js'
import { type Shape, sizeOf } from '../../src/engine/shape.js'
import type { TensorSpec } from '../../src/engine/tensor.js'
import type { AnyOp } from '../discover.js'
import { leading } from './part.js'

/** Where a small array lies in a large one: the same indices, fewer of them. */
export interface Part {
  /** Values by the float64 reference. */
  readonly values: Float64Array
  readonly shape: Shape
  /** 1 for entries of `values` that are those of the full result; all are where this is absent. */
  readonly final: Uint8Array | undefined
}

export interface Subproblem {
  readonly inputs: readonly ReferenceArray[]
  readonly outputs: readonly Part[]
  /** Whether nothing was cut. */
  readonly whole: boolean
}

/** An input as it was made. */
export interface WholeInput {
  readonly values: Float32Array
  readonly shape: Shape
}

/** An axis of an input. */
interface Axis {
  readonly input: number
  readonly axis: number
}

/** Axes of one extent that are cut together; the first output then shrinks along one axis. */
interface Cut {
  readonly axes: readonly Axis[]
  readonly extent: number
  readonly outputAxis: number
}

/** More axes of one extent than this are not combined. */
const mostAxes = 8
/** Combinations looked at, most of which turn out too large at once. */
const mostCombinations = 300
/** Less than this part of a cut result says too little. */
const leastFinal = 0.05

/** Converting an input costs a fraction of computing with it. */
const inputUnit = 1 / 8

/** Units of work of the reference: operations and elements. */
export function referenceUnits(op: AnyOp, specs: readonly TensorSpec[], options: unknown): number {
  const elements = (list: readonly TensorSpec[]) => list.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  const flops = op.cost?.(specs, options).flops ?? 0
  return flops + elements(op.shape(specs, options)) + inputUnit * elements(specs)
}

/** How much of the reference's time a case may get. */
export interface ReferenceBudget {
  /** Units of the part that is wanted at first. */
  readonly units: number
  /** How often that may triple where no part fits: an unchecked row is worth little. */
  readonly growths: number
  /** Units of all attempts together. */
  readonly mostUnits: number
}

/** The whole problem if the reference can afford it, else a certified part; undefined when there is none. */
export function findSubproblem(
  op: AnyOp,
  test: OpCase<unknown>,
  inputs: readonly WholeInput[],
  { units, growths, mostUnits }: ReferenceBudget,
): Subproblem | undefined {
  const { options } = test
  const specs = test.inputs.map(({ shape, dtype = 'f32' }) => ({ shape, dtype }))
  const indexed = new Set(test.inputs.flatMap(({ dtype, range }) => (isInteger(dtype) && range ? [range[1]] : [])))
  const candidates = combinations(findCuts(op, specs, options, indexed))
  const failures = new Map<readonly Cut[], number>()
  let spent = 0
  for (let growth = 0; growth <= growths; growth++) {
    const budget = units * 3 ** growth
    if (referenceUnits(op, specs, options) <= budget) return wholeProblem(op, inputs, options)
    for (const cuts of candidates) {
      // Certification runs the reference on twice the part along every cut.
      const halvings = affordable(op, specs, options, cuts, budget / 2 ** cuts.length)
      const failed = failures.get(cuts) ?? 0
      // Once may be for want of room, as a convolution needs for its window; twice is in the nature of the operation.
      if (!halvings || failed > 1) continue
      spent += budget
      if (spent > mostUnits) return undefined
      const part = certify(op, inputs, options, { specs, cuts, halvings })
      if (part) return part
      failures.set(cuts, failed + 1)
    }
  }
  return undefined
}

function wholeProblem(op: AnyOp, inputs: readonly WholeInput[], options: unknown): Subproblem {
  const whole = inputs.map(({ values, shape }) => ({ data: Float64Array.from(values), shape }))
  const outputs = op.reference(whole, options).map(({ data, shape }) => ({ values: data, shape, final: undefined }))
  return { inputs: whole, outputs, whole: true }
}

const isInteger = (dtype: string | undefined): boolean => dtype === 'i32' || dtype === 'u32'

/** Every set of equal input axes whose halving shortens one axis of the first output and nothing else. */
function findCuts(op: AnyOp, specs: readonly TensorSpec[], options: unknown, indexed: ReadonlySet<number>): Cut[] {
  const byExtent = new Map<number, Axis[]>()
  for (const [input, { shape, dtype }] of specs.entries()) {
    for (const [axis, extent] of shape.entries()) {
      if (!isInteger(dtype) && indexed.has(extent)) continue
      if (extent > 1) byExtent.set(extent, [...(byExtent.get(extent) ?? []), { input, axis }])
    }
  }
  const full = op.shape(specs, options)[0]!.shape
  const cuts: Cut[] = []
  for (const [extent, axes] of byExtent) {
    for (const subset of subsets(axes.slice(0, mostAxes))) {
      const cutSpecs = withHalvings(specs, [{ axes: subset, extent, outputAxis: 0 }], [1])
      const outputAxis = cutSpecs && shrunkAxis(op, cutSpecs, options, full)
      if (outputAxis !== undefined) cuts.push({ axes: subset, extent, outputAxis })
    }
  }
  return cuts.sort((a, b) => a.outputAxis - b.outputAxis || a.axes.length - b.axes.length)
}

/** The one axis that the first output loses; undefined for none, several, or a shape the operation refuses. */
function shrunkAxis(op: AnyOp, specs: readonly TensorSpec[], options: unknown, full: Shape): number | undefined {
  const shape = tryShape(op, specs, options)?.[0]?.shape
  if (!shape || shape.length !== full.length) return undefined
  const changed = full.flatMap((extent, axis) => (shape[axis] === extent ? [] : [axis]))
  return changed.length === 1 && shape[changed[0]!]! < full[changed[0]!]! ? changed[0] : undefined
}

function tryShape(op: AnyOp, specs: readonly TensorSpec[], options: unknown): readonly TensorSpec[] | undefined {
  try {
    return op.shape(specs, options)
  } catch {
    // A refusal is an answer: this cut is none.
    return undefined
  }
}

/** Sets of one to three cuts along different output axes, those that touch the fewest axes first. */
function combinations(cuts: readonly Cut[]): readonly (readonly Cut[])[] {
  const extended = (sets: readonly (readonly Cut[])[]) =>
    sets.flatMap((set) => {
      const later = cuts.slice(cuts.indexOf(set.at(-1)!) + 1)
      return later.filter((cut) => set.every((other) => apart(cut, other))).map((cut) => [...set, cut])
    })
  const singles = cuts.map((cut) => [cut])
  const pairs = extended(singles)
  const axisCount = (set: readonly Cut[]) => set.reduce((sum, { axes }) => sum + axes.length, 0)
  const all = [...singles, ...pairs, ...extended(pairs)]
  return all.sort((a, b) => axisCount(a) - axisCount(b) || a.length - b.length).slice(0, mostCombinations)
}

const apart = (a: Cut, b: Cut): boolean =>
  a.outputAxis !== b.outputAxis && !a.axes.some((x) => b.axes.some((y) => x.input === y.input && x.axis === y.axis))

/** How often each cut is halved, in turn, until the reference can afford the rest; undefined when it never can. */
function affordable(
  op: AnyOp,
  specs: readonly TensorSpec[],
  options: unknown,
  cuts: readonly Cut[],
  budget: number,
): number[] | undefined {
  const halvings = cuts.map(() => 1)
  for (let step = 0; ; step++) {
    const cutSpecs = withHalvings(specs, cuts, halvings)
    if (!cutSpecs || !tryShape(op, cutSpecs, options)) return undefined
    if (referenceUnits(op, cutSpecs, options) <= budget) return halvings
    halvings[step % cuts.length]!++
  }
}

/** Specs with every cut halved so often; undefined once an extent is used up. */
function withHalvings(specs: readonly TensorSpec[], cuts: readonly Cut[], halvings: readonly number[]) {
  const extents = cuts.map(({ extent }, i) => Math.floor(extent / 2 ** halvings[i]!))
  return extents.some((extent) => extent < 1) ? undefined : withExtents(specs, cuts, extents)
}

function withExtents(specs: readonly TensorSpec[], cuts: readonly Cut[], extents: readonly number[]) {
  const shapes = specs.map(({ shape }) => [...shape])
  for (const [i, { axes }] of cuts.entries()) {
    for (const { input, axis } of axes) shapes[input]![axis] = extents[i]!
  }
  return specs.map(({ dtype }, i) => ({ dtype, shape: shapes[i]! }))
}

interface Attempt {
  readonly specs: readonly TensorSpec[]
  readonly cuts: readonly Cut[]
  readonly halvings: readonly number[]
}

/** The part, if enough of its result is the same in problems that are larger along every cut. */
function certify(
  op: AnyOp,
  inputs: readonly WholeInput[],
  options: unknown,
  { specs, cuts, halvings }: Attempt,
): Subproblem | undefined {
  const extents = cuts.map(({ extent }, i) => Math.floor(extent / 2 ** halvings[i]!))
  const cutInputs = (lengths: readonly number[]) =>
    withExtents(specs, cuts, lengths).map(({ shape }, i) => {
      const whole = inputs[i]!
      return { data: Float64Array.from(leading(whole.values, whole.shape, shape)), shape }
    })
  const evaluate = (lengths: readonly number[]) =>
    tryShape(op, withExtents(specs, cuts, lengths), options) && op.reference(cutInputs(lengths), options)
  const results = evaluate(extents)!
  // A length that the operation refuses (patches that do not fit) proves nothing and denies nothing; twice must do.
  const doubled = evaluate(extents.map((extent) => 2 * extent))
  const longer = evaluate(extents.map((extent) => extent + 1))
  if (!doubled) return undefined
  const outputs = results.map(({ data, shape }, i): Part => {
    const controls = [doubled, ...(longer ? [longer] : [])].map((control) => control[i]!)
    if (controls.some((control) => shape.some((extent, axis) => extent > control.shape[axis]!))) {
      return { values: data, shape, final: new Uint8Array(data.length) }
    }
    const same = controls.map((control) => leading(control.data, control.shape, shape))
    const final = Uint8Array.from(data, (value, k) => (same.every((other) => other[k] === value) ? 1 : 0))
    return { values: data, shape, final }
  })
  const enough = outputs.every(({ final, values }) => count(final!) >= Math.max(1, leastFinal * values.length))
  return enough ? { inputs: cutInputs(extents), outputs, whole: false } : undefined
}

const count = (flags: Uint8Array): number => flags.reduce((sum, flag) => sum + flag, 0)

/** Every non-empty subset, small ones first. */
function subsets<T>(items: readonly T[]): T[][] {
  const all: T[][] = []
  for (let bits = 1; bits < 2 ** items.length; bits++) all.push(items.filter((_, i) => (bits >> i) & 1))
  return all.sort((a, b) => a.length - b.length)
}

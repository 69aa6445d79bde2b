/**
 * A part of a problem that the float64 reference can afford and that decides part of the full result.
 *
 * Nothing is known of the operation: some input axes are cut to their first entries, and the reference itself certifies
 * which results of the cut problem are final, namely those that stay exactly the same when every cut is twice as long.
 * First rows of a product, first images of a batch, first planes of a convolution short of the border qualify; a softmax
 * across the cut axis, or statistics over it, change and are rejected.
 */
import type { OpCase, ReferenceArray } from '../src/engine/op.js'
import { type Shape, sizeOf } from '../src/engine/shape.js'
import type { TensorSpec } from '../src/engine/tensor.js'
import type { AnyOp } from './discover.js'

/** Where a small array lies in a large one: the same indices, fewer of them. */
export interface Part {
  /** Values by the float64 reference. */
  readonly values: Float64Array
  readonly shape: Shape
  /** Entries of `values` that are those of the full result. */
  readonly final: readonly boolean[] | undefined
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
/** Attempts at certification, each of which runs the reference. */
const mostAttempts = 12
/** Less than this part of a cut result says too little. */
const leastFinal = 0.05

/** Units of work of the reference: operations and elements. */
export function referenceUnits(op: AnyOp, specs: readonly TensorSpec[], options: unknown): number {
  const elements = [...specs, ...op.shape(specs, options)].reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  return elements + (op.cost?.(specs, options).flops ?? 0)
}

/** The whole problem if the reference can afford it, else a certified part; undefined when there is none. */
export function findSubproblem(
  op: AnyOp,
  test: OpCase<unknown>,
  inputs: readonly WholeInput[],
  budget: number,
): Subproblem | undefined {
  const { options } = test
  const specs = test.inputs.map(({ shape, dtype = 'f32' }) => ({ shape, dtype }))
  if (referenceUnits(op, specs, options) <= budget) {
    const whole = inputs.map(({ values, shape }) => ({ data: Float64Array.from(values), shape }))
    const outputs = op.reference(whole, options).map(({ data, shape }) => ({ values: data, shape, final: undefined }))
    return { inputs: whole, outputs, whole: true }
  }
  let attempts = 0
  for (const cuts of combinations(findCuts(op, specs, options))) {
    // Certification runs the reference on twice the part along every cut.
    const halvings = affordable(op, specs, options, cuts, budget / 2 ** cuts.length)
    if (!halvings) continue
    if (++attempts > mostAttempts) return undefined
    const part = certify(op, inputs, options, { specs, cuts, halvings })
    if (part) return part
  }
  return undefined
}

/** Every set of equal input axes whose halving halves one axis of the first output and nothing else. */
function findCuts(op: AnyOp, specs: readonly TensorSpec[], options: unknown): Cut[] {
  const byExtent = new Map<number, Axis[]>()
  for (const [input, { shape }] of specs.entries()) {
    for (const [axis, extent] of shape.entries()) {
      if (extent > 1) byExtent.set(extent, [...(byExtent.get(extent) ?? []), { input, axis }])
    }
  }
  const full = op.shape(specs, options)[0]!.shape
  const cuts: Cut[] = []
  for (const [extent, axes] of byExtent) {
    for (const subset of subsets(axes.slice(0, mostAxes))) {
      const cutSpecs = withExtents(specs, [{ axes: subset, extent, outputAxis: 0 }], [1])
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

/** One cut, then two and three along different output axes. */
function* combinations(cuts: readonly Cut[]): Generator<readonly Cut[]> {
  for (const cut of cuts) yield [cut]
  for (const [i, a] of cuts.entries()) {
    for (const b of cuts.slice(i + 1)) if (apart(a, b)) yield [a, b]
  }
  for (const [i, a] of cuts.entries()) {
    for (const [j, b] of cuts.slice(i + 1).entries()) {
      if (!apart(a, b)) continue
      for (const c of cuts.slice(i + j + 2)) if (apart(a, c) && apart(b, c)) yield [a, b, c]
    }
  }
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
    const cutSpecs = withExtents(specs, cuts, halvings)
    if (!cutSpecs || !tryShape(op, cutSpecs, options)) return undefined
    if (referenceUnits(op, cutSpecs, options) <= budget) return halvings
    halvings[step % cuts.length]!++
  }
}

/** Specs with every cut halved so often; undefined once an extent is used up. */
function withExtents(specs: readonly TensorSpec[], cuts: readonly Cut[], halvings: readonly number[]) {
  const shapes = specs.map(({ shape }) => [...shape])
  for (const [i, { axes, extent }] of cuts.entries()) {
    const rest = Math.floor(extent / 2 ** halvings[i]!)
    if (rest < 1) return undefined
    for (const { input, axis } of axes) shapes[input]![axis] = rest
  }
  return specs.map(({ dtype }, i) => ({ dtype, shape: shapes[i]! }))
}

interface Attempt {
  readonly specs: readonly TensorSpec[]
  readonly cuts: readonly Cut[]
  readonly halvings: readonly number[]
}

/** The part, if enough of its result is the same when every cut is twice as long. */
function certify(
  op: AnyOp,
  inputs: readonly WholeInput[],
  options: unknown,
  { specs, cuts, halvings }: Attempt,
): Subproblem | undefined {
  const cutInputs = (by: readonly number[]) =>
    withExtents(specs, cuts, by)!.map(({ shape }, i) => {
      const whole = inputs[i]!
      return { data: Float64Array.from(leading(whole.values, whole.shape, shape)), shape }
    })
  const smaller = cutInputs(halvings)
  const larger = cutInputs(halvings.map((count) => count - 1))
  if (!tryShape(op, larger.map(({ shape }, i) => ({ shape, dtype: specs[i]!.dtype })), options)) return undefined
  const results = op.reference(smaller, options)
  const control = op.reference(larger, options)
  const outputs = results.map(({ data, shape }, i): Part => {
    const { data: more, shape: moreShape } = control[i]!
    if (shape.some((extent, axis) => extent > moreShape[axis]!)) return { values: data, shape, final: [] }
    const same = leading(more, moreShape, shape)
    return { values: data, shape, final: Array.from(data, (value, k) => value === same[k]) }
  })
  const enough = outputs.every(({ final, values }) => count(final!) >= Math.max(1, leastFinal * values.length))
  return enough ? { inputs: smaller, outputs, whole: false } : undefined
}

const count = (flags: readonly boolean[]): number => flags.reduce((sum, flag) => sum + (flag ? 1 : 0), 0)

/** The first entries along every axis. */
export function leading<T extends Float64Array | Float32Array | Int32Array | Uint32Array>(
  data: T,
  shape: Shape,
  part: Shape,
): T {
  if (part.every((extent, axis) => extent === shape[axis])) return data
  const result = new (data.constructor as new (length: number) => T)(sizeOf(part))
  const index = part.map(() => 0)
  for (let to = 0; to < result.length; to++) {
    let from = 0
    for (let axis = 0; axis < shape.length; axis++) from = from * shape[axis]! + index[axis]!
    result[to] = data[from]!
    for (let axis = part.length - 1; axis >= 0 && ++index[axis]! === part[axis]; axis--) index[axis] = 0
  }
  return result
}

/** Every non-empty subset, small ones first. */
function subsets<T>(items: readonly T[]): T[][] {
  const all: T[][] = []
  for (let bits = 1; bits < 2 ** items.length; bits++) all.push(items.filter((_, i) => (bits >> i) & 1))
  return all.sort((a, b) => a.length - b.length)
}

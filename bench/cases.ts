/** The rows of a run: every operation's bench cases in each direction and element type, and what to leave out. */
import type { OpCase } from '../src/engine/op.js'
import { type FloatType, forwardWork, hasBackward, type Work } from './cost.js'
import type { AnyOp } from './discover.js'
import { conventionalCases, gradientCases, quickCases, quickElementwise } from './shapes.js'

export type Direction = 'forward' | 'backward'

/** One problem of one operation in one element type, measured in one or both directions. */
export interface BenchCase {
  readonly op: AnyOp
  readonly test: OpCase<unknown>
  /** `op/case` */
  readonly name: string
  readonly dtype: FloatType
  readonly directions: readonly Direction[]
  readonly work: Work
  /** Why it is not run; it stays a row. */
  readonly skip: string | undefined
}

export interface Selection {
  readonly filter: RegExp | undefined
  readonly quick: boolean
  readonly dtypes: readonly FloatType[]
  readonly software: boolean
}

/** Largest work that is measured on a software adapter: a second or so per execution; for `--quick` a few hundredths. */
const softwareBudget: Work = { flops: 4e9, bytes: 1e9 }
const quickBudget: Work = { flops: 4e8, bytes: 5.1e7 }
/** Operations per byte from which on a case is a matter of arithmetic on any adapter. */
const computeIntensity = 8

/** Bench cases of an operation: its own, then those that the field compares engines by. */
export function benchCasesOf(op: AnyOp): OpCase<unknown>[] {
  const own = op.cases.filter(({ bench }) => bench)
  const names = new Set(own.map(({ name }) => name))
  const conventional = conventionalCases[op.name] ?? []
  return [...own, ...conventional.filter(({ name }) => !names.has(name))]
}

/** How a row is called on the command line: what `--filter` is matched against. */
export function rowLabel(name: string, direction: string, dtype: string): string {
  return `${name}, ${direction}, ${dtype}`
}

export function selectCases(ops: readonly AnyOp[], selection: Selection): BenchCase[] {
  return ops.flatMap((op) => {
    const tests = benchCasesOf(op)
    const quick = quickSelection(op, tests)
    return tests
      .filter(
        (test) =>
          !selection.quick || quick.has(test) || isExplicit(`${op.name}/${test.name}`, op.name, selection.filter),
      )
      .flatMap((test) => selection.dtypes.map((dtype) => benchCase(op, test, dtype, selection)))
      .filter(({ directions }) => directions.length > 0)
  })
}

function benchCase(op: AnyOp, test: OpCase<unknown>, dtype: FloatType, selection: Selection): BenchCase {
  const name = `${op.name}/${test.name}`
  const typed = dtype === 'f32' || test.inputs.some((input) => (input.dtype ?? 'f32') === 'f32')
  const work = forwardWork(op, test, dtype)
  // What a filter asks for is all there. Else --quick measures f16 where it changes the arithmetic, and forward only.
  const brief = selection.quick && selection.filter === undefined && dtype === 'f16'
  const wanted = typed && !(brief && work.flops < computeIntensity * work.bytes)
  const all: Direction[] = [
    ...(wanted && !gradientCases.has(name) ? (['forward'] as const) : []),
    ...(wanted && !brief && hasBackward(op, test) ? (['backward'] as const) : []),
  ]
  return {
    op,
    test,
    name,
    dtype,
    directions: all.filter((direction) => selection.filter?.test(rowLabel(name, direction, dtype)) ?? true),
    work,
    skip: skipReason(name, op.name, work, selection),
  }
}

function skipReason(name: string, op: string, work: Work, selection: Selection): string | undefined {
  if (!selection.software || isExplicit(name, op, selection.filter)) return undefined
  const budget = selection.quick ? quickBudget : softwareBudget
  return fits(work, budget) ? undefined : 'too large for a software adapter'
}

const fits = (work: Work, budget: Work): boolean => work.flops <= budget.flops && work.bytes <= budget.bytes

/** Whether the filter names this very case, to its end, and not merely its operation or the cases that begin alike. */
export function isExplicit(name: string, group: string, filter: RegExp | undefined): boolean {
  const directions = ['forward', 'backward', 'model']
  const labels = directions.flatMap((direction) => ['f32', 'f16'].map((dtype) => rowLabel(name, direction, dtype)))
  return labels.some((label) => {
    const match = filter?.exec(label)
    return match != null && match.index <= group.length + 1 && match.index + match[0].length >= name.length
  })
}

/** The cheapest case of an operation, and those that are always in. */
function quickSelection(op: AnyOp, tests: readonly OpCase<unknown>[]): ReadonlySet<OpCase<unknown>> {
  const isElementwise = tests.length === 1 && tests[0]!.name === 'bandwidth'
  if (isElementwise && !quickElementwise.has(op.name)) return new Set()
  const costs = tests.map((test) => {
    const { flops, bytes } = forwardWork(op, test, 'f32')
    return { test, units: flops + bytes }
  })
  const cheapest = costs.sort((a, b) => a.units - b.units)[0]?.test
  const always = tests.filter(({ name }) => quickCases.has(`${op.name}/${name}`))
  return new Set([...(cheapest ? [cheapest] : []), ...always])
}

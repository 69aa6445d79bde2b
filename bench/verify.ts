/**
 * Correctness before timing: the result of every row against the float64 reference, on the whole problem or on a part
 * that the reference can afford; where neither is possible, against the portable variants of the same kernels.
 */
import { isFloat } from '../src/engine/dtype.js'
import { definedKernels, withVariant } from '../src/engine/kernel.js'
import { tensor, type Tensor } from '../src/engine/tensor.js'
import { toleranceOf } from '../src/kernels/tolerances.js'
import type { Problem } from './problem.js'
import { findSubproblem, leading, type Part, type Subproblem } from './subproblem.js'
import { roundTo, uniform } from './values.js'

export interface Verdict {
  /** Null where nothing could judge. */
  readonly correct: boolean | null
  /** Largest error relative to the largest value; null where nothing could judge. */
  readonly maxRelError: number | null
  /** What the result was compared with. */
  readonly against: string
}

/** What is judged: the kernels that run, and the way to make them run. */
export interface Candidate {
  /** Kernels and variants, as in `matmul/portable`. */
  readonly kernels: readonly string[]
  /** Runs work with a variant forced, or as the engine picks. */
  readonly force: <T>(fn: () => T) => T
}

/** The part of a case that the reference judges, found once for all its rows. */
export function judgedPart(problem: Problem, budget: number): Subproblem | undefined {
  const { op, test } = problem.case
  return findSubproblem(op, test, problem.inputs, budget)
}

const describePart = ({ whole, outputs }: Subproblem): string =>
  whole ? 'float64 reference' : `float64 reference of the part ${outputs.map(({ shape }) => shape.join('×')).join(', ')}`

/** Checks every output of the forward pass. */
export async function verifyForward(problem: Problem, part: Subproblem | undefined, candidate: Candidate): Promise<Verdict> {
  if (!part) return compareRuns(problem, candidate, () => problem.outputs())
  const { op, dtype } = problem.case
  const outputs = candidate.force(() => problem.outputs())
  let maxRelError = 0
  let correct = true
  for (const [i, output] of outputs.entries()) {
    const wanted = part.outputs[i]!
    const got = leading(await output.data(), output.shape, wanted.shape)
    const { error, magnitude } = largestError(got, wanted)
    const { relative, absolute } = toleranceOf(op.name, isFloat(output.dtype) ? dtype : output.dtype)
    correct &&= error <= (relative === 0 ? 0 : Math.max(absolute, relative * magnitude))
    maxRelError = Math.max(maxRelError, relativeTo(error, magnitude))
  }
  for (const output of outputs) output.dispose()
  return { correct, maxRelError, against: describePart(part) }
}

const relativeTo = (error: number, magnitude: number): number => (error === 0 ? 0 : error / (magnitude || 1))

/** Largest difference over the entries that are final, NaN counting as infinite, and the largest wanted value. */
function largestError(got: ArrayLike<number>, { values, final }: Part): { error: number; magnitude: number } {
  let error = 0
  let magnitude = 0
  for (let i = 0; i < values.length; i++) {
    if (final && !final[i]) continue
    const wanted = values[i]!
    magnitude = Math.max(magnitude, Math.abs(wanted))
    if (got[i] === wanted || (Number.isNaN(got[i]) && Number.isNaN(wanted))) continue
    const difference = Math.abs(got[i]! - wanted)
    error = Math.max(error, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference)
  }
  return { error, magnitude }
}

/** How far a directional derivative may be off, relative to the norm of its terms. */
const gradientTolerance = { f32: 2e-3, f16: 3e-2 }
/** A step that crosses the kink or jump of some element spoils a difference quotient; another one is then tried. */
const gradientSteps = [1e-6, 1e-7, 1e-7]

/**
 * Checks the gradients: for each input the derivative along a random direction, against the central difference of the
 * reference. The gradient of the outputs is 0 outside the part that the reference judges, so that the full backward
 * pass must give the part's derivative.
 */
export async function verifyBackward(problem: Problem, part: Subproblem | undefined, candidate: Candidate): Promise<Verdict> {
  if (!part) return compareGradients(problem, candidate)
  const { device } = problem
  const { dtype } = problem.case
  const outputs = problem.recorded()
  const at = outputs.findIndex((output) => isFloat(output.dtype))
  const output = outputs[at]!
  const wanted = part.outputs[at]!
  const partial = roundTo(dtype, uniform(wanted.values.length, 7)).map((v, i) => (!wanted.final || wanted.final[i] ? v : 0))
  const cotangent = tensor(device, embed(partial, wanted.shape, output.shape), output.shape, { dtype: output.dtype })
  const leaves = problem.tensors.flatMap(({ requiresGrad }, i) => (requiresGrad ? [i] : []))
  const found = candidate.force(() => problem.gradients(output, cotangent))
  let worst = 0
  for (const [k, input] of leaves.entries()) {
    const shape = part.inputs[input]!.shape
    const gradient = leading(await found[k]!.data(), found[k]!.shape, shape)
    worst = Math.max(worst, derivativeError(problem, part, { input, output: at, cotangent: partial, gradient }))
  }
  for (const value of [...outputs, ...found, cotangent]) value.dispose()
  return { correct: worst <= gradientTolerance[dtype], maxRelError: worst, against: `differences of the ${describePart(part)}` }
}

interface Derivative {
  readonly input: number
  readonly output: number
  readonly cotangent: ArrayLike<number>
  readonly gradient: ArrayLike<number>
}

/** Error of one input's directional derivative over the norm of its terms, the best of a few directions and steps. */
function derivativeError(problem: Problem, part: Subproblem, { input, output, cotangent, gradient }: Derivative): number {
  const { op, test, dtype } = problem.case
  const { data, shape } = part.inputs[input]!
  let best = Number.POSITIVE_INFINITY
  for (const [attempt, step] of gradientSteps.entries()) {
    const direction = uniform(data.length, 200 + 10 * attempt + input)
    const value = (sign: number) => {
      const moved = data.map((x, i) => x + sign * step * direction[i]!)
      const inputs = part.inputs.map((array, i) => (i === input ? { data: moved, shape } : array))
      return dot(op.reference(inputs, test.options)[output]!.data, cotangent)
    }
    const wanted = (value(1) - value(-1)) / (2 * step)
    let got = 0
    let squares = 0
    for (let i = 0; i < data.length; i++) {
      const term = gradient[i]! * direction[i]!
      got += term
      squares += term * term
    }
    const scale = Math.max(Math.sqrt(squares), Math.abs(wanted), 1e-12)
    const error = wanted === got ? 0 : Math.abs(wanted - got) / scale
    best = Math.min(best, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error)
    if (best <= gradientTolerance[dtype]) break
  }
  return best
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < b.length; i++) if (b[i] !== 0) sum += a[i]! * b[i]!
  return sum
}

/** A part in the corner of zeros: the inverse of {@link leading}. */
function embed(part: Float32Array, shape: readonly number[], into: readonly number[]): Float32Array {
  const size = into.reduce((product, extent) => product * extent, 1)
  if (part.length === size) return part
  const result = new Float32Array(size)
  const index = shape.map(() => 0)
  for (let from = 0; from < part.length; from++) {
    let to = 0
    for (let axis = 0; axis < into.length; axis++) to = to * into[axis]! + index[axis]!
    result[to] = part[from]!
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0
  }
  return result
}

const unjudged: Verdict = {
  correct: null,
  maxRelError: null,
  against: 'nothing: too large for the reference, not divisible, and no other variant',
}

async function compareGradients(problem: Problem, candidate: Candidate): Promise<Verdict> {
  const outputs = problem.recorded()
  const output = outputs.find((each) => isFloat(each.dtype))!
  const { dtype } = problem.case
  const cotangent = tensor(problem.device, roundTo(dtype, uniform(output.size, 7)), output.shape, { dtype: output.dtype })
  const verdict = await compareRuns(problem, candidate, () => problem.gradients(output, cotangent))
  for (const value of [...outputs, cotangent]) value.dispose()
  return verdict
}

/** Largest difference between two runs of the same work, the second with some kernel's portable variant. */
async function compareRuns(problem: Problem, { kernels, force }: Candidate, work: () => Tensor[]): Promise<Verdict> {
  const mine = force(work)
  const { op, dtype } = problem.case
  let verdict = unjudged
  for (const { name, variants } of definedKernels()) {
    const portable = variants.at(-1)!.name
    // A variant compared with itself would prove nothing.
    if (!kernels.some((label) => label.startsWith(`${name}/`) && label !== `${name}/${portable}`)) continue
    const other = withVariant(name, portable, work)
    for (const [i, value] of mine.entries()) {
      const values = Float64Array.from(await other[i]!.data())
      const { error, magnitude } = largestError(await value.data(), { values, shape: value.shape, final: undefined })
      const { relative, absolute } = toleranceOf(op.name, isFloat(value.dtype) ? dtype : value.dtype)
      // Both runs may be off, each by the tolerance.
      const correct = error <= 2 * Math.max(absolute, relative * magnitude)
      verdict = {
        correct: (verdict.correct ?? true) && correct,
        maxRelError: Math.max(verdict.maxRelError ?? 0, relativeTo(error, magnitude)),
        against: `the variant ${name}/${portable}`,
      }
    }
    for (const value of other) value.dispose()
  }
  for (const value of mine) value.dispose()
  return verdict
}

/** Gradients against the float64 reference, by differences along random directions. */
import { isFloat } from '../../src/engine/dtype.js'
import { tensor } from '../../src/engine/tensor.js'
import type { Problem } from '../problem.js'
import { roundTo, uniform } from '../values.js'
import { embed, leading } from './part.js'
import type { Subproblem } from './subproblem.js'
import { compareGradients } from './variants.js'
import { type Candidate, describePart, type Verdict } from './verdict.js'

/** How far a directional derivative may be off, relative to the norm of its terms. */
const gradientTolerance = { f32: 2e-3, f16: 3e-2 }
/** A step that crosses the kink or jump of some element spoils a difference quotient; another one is then tried. */
const gradientSteps = [1e-6, 1e-7, 1e-7]

/**
 * Checks the gradients: for each input the derivative along a random direction, against the central difference of the
 * reference. The gradient of the outputs is 0 outside the part that the reference judges, so that the full backward
 * pass must give the part's derivative.
 */
export async function verifyBackward(
  problem: Problem,
  part: Subproblem | undefined,
  candidate: Candidate,
): Promise<Verdict> {
  if (!part) return compareGradients(problem, candidate)
  const { device } = problem
  const { dtype } = problem.case
  const outputs = problem.recorded()
  const at = outputs.findIndex((output) => isFloat(output.dtype))
  const output = outputs[at]!
  const wanted = part.outputs[at]!
  const partial = roundTo(dtype, uniform(wanted.values.length, 7)).map((v, i) =>
    !wanted.final || wanted.final[i] ? v : 0,
  )
  const cotangent = tensor(device, embed(partial, wanted.shape, output.shape), output.shape, { dtype: output.dtype })
  const leaves = problem.tensors.flatMap(({ requiresGrad }, i) => (requiresGrad ? [i] : []))
  const found = candidate.force(() => problem.gradients(output, cotangent))
  let worst = 0
  let smooth = true
  for (const [k, input] of leaves.entries()) {
    const shape = part.inputs[input]!.shape
    const gradient = leading(await found[k]!.data(), found[k]!.shape, shape)
    const error = derivativeError(problem, part, { input, output: at, cotangent: partial, gradient })
    if (error === undefined) smooth = false
    else worst = Math.max(worst, error)
  }
  for (const value of [...outputs, ...found, cotangent]) value.dispose()
  const against = `differences of the ${describePart(part)}`
  if (worst > gradientTolerance[dtype]) return { correct: false, maxRelError: worst, against }
  if (!smooth)
    return { correct: null, maxRelError: null, against: `${against}, which has no derivative at these values` }
  return { correct: true, maxRelError: worst, against }
}

interface Derivative {
  readonly input: number
  readonly output: number
  readonly cotangent: ArrayLike<number>
  readonly gradient: ArrayLike<number>
}

/**
 * Error of one input's directional derivative over the norm of its terms, the best of a few directions and steps. Undefined
 * where the reference has no derivative: its differences to both sides disagree, as at ties of a maximum.
 */
function derivativeError(
  problem: Problem,
  part: Subproblem,
  { input, output, cotangent, gradient }: Derivative,
): number | undefined {
  const { op, test, dtype } = problem.case
  const tolerance = gradientTolerance[dtype]
  const { data, shape } = part.inputs[input]!
  const value = (shift: number, direction: Float32Array) => {
    const moved = data.map((x, i) => x + shift * direction[i]!)
    const inputs = part.inputs.map((array, i) => (i === input ? { data: moved, shape } : array))
    return dot(op.reference(inputs, test.options)[output]!.data, cotangent)
  }
  const here = dot(part.outputs[output]!.values, cotangent)
  let best: number | undefined
  for (const [attempt, step] of gradientSteps.entries()) {
    const direction = uniform(data.length, 200 + 10 * attempt + input)
    const ahead = (value(step, direction) - here) / step
    const behind = (here - value(-step, direction)) / step
    const { sum, norm } = terms(gradient, direction)
    const wanted = (ahead + behind) / 2
    const scale = Math.max(norm, Math.abs(wanted), 1e-12)
    if (Math.abs(ahead - behind) > tolerance * scale) continue
    const error = wanted === sum ? 0 : Math.abs(wanted - sum) / scale
    best = Math.min(best ?? Number.POSITIVE_INFINITY, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error)
    if (best <= tolerance) break
  }
  return best
}

/** The inner product of two arrays, and the norm of its terms. */
function terms(a: ArrayLike<number>, b: ArrayLike<number>): { sum: number; norm: number } {
  let sum = 0
  let squares = 0
  for (let i = 0; i < b.length; i++) {
    const term = a[i]! * b[i]!
    sum += term
    squares += term * term
  }
  return { sum, norm: Math.sqrt(squares) }
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < b.length; i++) if (b[i] !== 0) sum += a[i]! * b[i]!
  return sum
}

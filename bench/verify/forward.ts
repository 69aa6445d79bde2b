/** The forward pass against the float64 reference, on the whole problem or on a part that the reference can afford. */
import { isFloat } from '../../src/engine/dtype.js'
import { toleranceOf } from '../../src/kernels/tolerances.js'
import type { Problem } from '../problem.js'
import { leading } from './part.js'
import { findSubproblem, type ReferenceBudget, type Subproblem } from './subproblem.js'
import { compareRuns } from './variants.js'
import { type Candidate, describePart, largestError, relativeTo, type Verdict } from './verdict.js'

/**
 * The part of a case that the reference judges, found once for all its rows; undefined where there is none, and where the
 * reference itself fails at this size.
 */
export function judgedPart(problem: Problem, budget: ReferenceBudget): Subproblem | undefined {
  const { op, test } = problem.case
  try {
    return findSubproblem(op, test, problem.inputs, budget)
  } catch (error) {
    // References are written for small cases; some spread a whole row over a call's arguments.
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** Checks every output of the forward pass. */
export async function verifyForward(
  problem: Problem,
  part: Subproblem | undefined,
  candidate: Candidate,
): Promise<Verdict> {
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

/** Where the reference cannot judge: results against those of the same kernels' portable variants. */
import { isFloat } from '../../src/engine/dtype.js'
import { NotSupportedError } from '../../src/engine/errors.js'
import { definedKernels, withVariant } from '../../src/engine/kernel.js'
import { type Tensor, tensor } from '../../src/engine/tensor.js'
import { toleranceOf } from '../../src/kernels/tolerances.js'
import type { Problem } from '../problem.js'
import { roundTo, uniform } from '../values.js'
import { type Candidate, largestError, relativeTo, type Verdict } from './verdict.js'

const unjudged: Verdict = {
  correct: null,
  maxRelError: null,
  against: 'nothing: too large for the reference, not divisible, and no other variant',
}

export async function compareGradients(problem: Problem, candidate: Candidate): Promise<Verdict> {
  const outputs = problem.recorded()
  const output = outputs.find((each) => isFloat(each.dtype))!
  const { dtype } = problem.case
  const cotangent = tensor(problem.device, roundTo(dtype, uniform(output.size, 7)), output.shape, {
    dtype: output.dtype,
  })
  const verdict = await compareRuns(problem, candidate, () => problem.gradients(output, cotangent))
  for (const value of [...outputs, cotangent]) value.dispose()
  return verdict
}

/** The work with a variant forced; nothing where that variant does not take the problem. */
function runVariant(kernel: string, variant: string, work: () => Tensor[]): Tensor[] | undefined {
  try {
    return withVariant(kernel, variant, work)
  } catch (error) {
    if (error instanceof NotSupportedError) return undefined
    throw error
  }
}

/** Largest difference between two runs of the same work, the second with some kernel's portable variant. */
export async function compareRuns(
  problem: Problem,
  { kernels, force }: Candidate,
  work: () => Tensor[],
): Promise<Verdict> {
  const mine = force(work)
  const { op, dtype } = problem.case
  let verdict = unjudged
  for (const { name, variants } of definedKernels()) {
    const portable = variants.at(-1)!.name
    // A variant compared with itself would prove nothing.
    if (!kernels.some((label) => label.startsWith(`${name}/`) && label !== `${name}/${portable}`)) continue
    const other = runVariant(name, portable, work)
    if (!other) continue
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

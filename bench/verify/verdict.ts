/** What is judged, what a judgement is, and how results are compared. */
import type { Part, Subproblem } from './subproblem.js'

export interface Verdict {
  /** Null where nothing could judge. */
  readonly correct: boolean | null
  /** Largest error relative to the largest value; null where nothing could judge. */
  readonly maxRelError: number | null
  /** What the result was compared with. */
  readonly against: string
}

/** The kernels that run, and the way to make them run. */
export interface Candidate {
  /** Kernels and variants, as in `matmul/portable`. */
  readonly kernels: readonly string[]
  /** Runs work with a variant forced, or as the engine picks. */
  readonly force: <T>(fn: () => T) => T
}

export function describePart({ whole, outputs }: Subproblem): string {
  if (whole) return 'float64 reference'
  return `float64 reference of the part ${outputs.map(({ shape }) => shape.join('×')).join(', ')}`
}

export const relativeTo = (error: number, magnitude: number): number => (error === 0 ? 0 : error / (magnitude || 1))

/** Largest difference over the entries that are final, NaN counting as infinite, and the largest wanted value. */
export function largestError(got: ArrayLike<number>, { values, final }: Part): { error: number; magnitude: number } {
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

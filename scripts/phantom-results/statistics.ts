/** Means over a few seeds. */

/** 97.5 % points of Student's t by degrees of freedom, from 1. */
const studentT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262]

export interface Estimate {
  readonly mean: number
  /** Half of the 95 % interval of the mean; undefined for a single value. */
  readonly halfWidth: number | undefined
  readonly values: readonly number[]
}

/** Throws a RangeError for no values, and for more than ten. */
export function estimate(values: readonly number[]): Estimate {
  const count = values.length
  if (count === 0 || count > studentT.length + 1) throw new RangeError(`an estimate of ${count} values`)
  const mean = values.reduce((sum, value) => sum + value, 0) / count
  if (count === 1) return { mean, halfWidth: undefined, values }
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1)
  return { mean, halfWidth: studentT[count - 2]! * Math.sqrt(variance / count), values }
}

import type { CheckResult } from './types.js'

/** Compares two lists of numbers by their largest absolute difference. NaN equals NaN and nothing else. */
export function checkNumbers(
  name: string,
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  bound: number,
): CheckResult {
  if (got.length !== expected.length) {
    return failure(name, `${got.length} values instead of ${expected.length}`, bound)
  }
  let error = 0
  for (let n = 0; n < got.length; n++) {
    if (Object.is(got[n], expected[n]) || got[n] === expected[n]) continue
    const difference = Math.abs(got[n]! - expected[n]!)
    error = Math.max(error, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference)
  }
  return { name, error, bound, ok: error <= bound }
}

/** Compares two values of any JSON type. */
export function checkEqual(name: string, got: unknown, expected: unknown): CheckResult {
  const [gotText, expectedText] = [JSON.stringify(got), JSON.stringify(expected)]
  if (gotText === expectedText) return { name, error: 0, bound: 0, ok: true }
  return failure(name, `${gotText} instead of ${expectedText}`)
}

export function failure(name: string, message: string, bound = 0): CheckResult {
  return { name, error: Number.POSITIVE_INFINITY, bound, ok: false, message }
}

/** Largest magnitude of a list. */
export function peak(values: ArrayLike<number>): number {
  let most = 0
  for (let n = 0; n < values.length; n++) most = Math.max(most, Math.abs(values[n]!))
  return most
}

import type { CaseInput } from '../../src/engine/op.js'
import { sizeOf } from '../../src/engine/shape.js'
import { philox4x32, toUniform } from '../../src/numeric/philox.js'

/** The values of a case input: seeded by its place, the same in every run. */
export function caseValues(input: CaseInput, seed: number): Float64Array {
  if (input.values) return Float64Array.from(input.values)
  const [low, high] = input.range ?? [-1, 1]
  const integer = input.dtype === 'i32' || input.dtype === 'u32'
  return Float64Array.from({ length: sizeOf(input.shape) }, (_, i) => {
    const uniform = toUniform(philox4x32([i, 0, 0, 0], [seed, 7])[0])
    const value = low + (high - low) * uniform
    // Floats are rounded to what f32 holds, so that the reference sees the same inputs as the device.
    return integer ? Math.floor(value) : Math.fround(value)
  })
}

/** Largest difference, NaN and unequal infinities counting as infinite. */
export function largestError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY
  let worst = 0
  for (let i = 0; i < want.length; i++) {
    const a = got[i]!
    const b = want[i]!
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue
    const error = Math.abs(a - b)
    worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error)
  }
  return worst
}

export function largestMagnitude(values: ArrayLike<number>): number {
  let largest = 0
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]!))
  return largest
}

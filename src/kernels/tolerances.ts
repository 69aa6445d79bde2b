/**
 * How far an operation may be from its float64 reference, relative to the largest reference value: one table that the
 * tests and the tuner share.
 */
import type { DType } from '../engine/dtype.js'

export interface Tolerance {
  /** Allowed difference per unit of the largest magnitude in the reference. */
  readonly relative: number
  /** Floor for results near zero. */
  readonly absolute: number
  readonly reason: string
}

const f32Default: Tolerance = {
  relative: 4e-6,
  absolute: 1e-6,
  reason: "a few dozen f32 roundings (6e-8 each), and transcendental functions to WGSL's 3 to 4 ulp",
}

const f16Default: Tolerance = {
  relative: 2e-3,
  absolute: 1e-3,
  reason: 'one rounding of each input and output to f16 (5e-4 each); arithmetic in between is f32',
}

const exact: Tolerance = { relative: 0, absolute: 0, reason: 'integers, and values that are only moved' }

/** Operations that need more room than the default of their type, each with its reason. */
const exceptions: Record<string, Partial<Record<'f32' | 'f16', Tolerance>>> = {
  pow: {
    f32: { relative: 2e-5, absolute: 1e-6, reason: "exp2(e * log2(x)): the logarithm's rounding is multiplied by e" },
  },
}

export function toleranceOf(op: string, dtype: DType): Tolerance {
  if (dtype === 'i32' || dtype === 'u32') return exact
  return exceptions[op]?.[dtype] ?? (dtype === 'f16' ? f16Default : f32Default)
}

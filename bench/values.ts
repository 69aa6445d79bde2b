/** Input values of bench cases: many millions of elements, so a hash of the index instead of the tests' Philox. */
import type { CaseInput } from '../src/engine/op.js'
import { sizeOf } from '../src/engine/shape.js'
import { float16ToFloat32, float32ToFloat16 } from '../src/numeric/half.js'

/** 32 well-mixed bits of an index and a seed. */
function hash(index: number, seed: number): number {
  let x = Math.imul(index ^ Math.imul(seed, 0x9e3779b1), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  x = Math.imul(x ^ (x >>> 16), 0x27d4eb2f)
  return (x ^ (x >>> 15)) >>> 0
}

/** `count` numbers, uniform in [low, high), the same for the same seed. */
export function uniform(count: number, seed: number, low = -1, high = 1): Float32Array {
  const values = new Float32Array(count)
  for (let i = 0; i < count; i++) values[i] = low + (high - low) * (hash(i, seed) / 2 ** 32)
  return values
}

/** Values that a type can hold: what the device will see, and so what the reference must see. */
export function roundTo(dtype: string, values: Float32Array): Float32Array {
  return dtype === 'f16' ? float16ToFloat32(float32ToFloat16(values)) : values
}

/** The values of one input of a case, as a tensor of `dtype` holds them. */
export function inputValues(input: CaseInput, dtype: string, seed: number): Float32Array {
  if (input.values) return roundTo(dtype, Float32Array.from(input.values))
  const [low, high] = input.range ?? [-1, 1]
  const values = uniform(sizeOf(input.shape), seed, low, high)
  return dtype === 'i32' || dtype === 'u32' ? values.map(Math.floor) : roundTo(dtype, values)
}

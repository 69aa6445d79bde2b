/**
 * Half precision (IEEE 754 binary16) and bfloat16, converted in bulk on the CPU. 16-bit values travel as their bit
 * patterns in a Uint16Array. Encoding rounds to nearest, ties to even; NaN stays NaN.
 */

/** Every half as float32, 256 KiB, built on first use: a table look-up is far faster than arithmetic on bits. */
let halfTable: Float32Array | undefined

function buildHalfTable(): Float32Array {
  const table = new Float32Array(65536)
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1
    const exponent = (bits >>> 10) & 31
    const fraction = bits & 1023
    const magnitude =
      exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : exponent === 0
          ? fraction * 2 ** -24
          : (1024 + fraction) * 2 ** (exponent - 25)
    table[bits] = sign * magnitude
  }
  return table
}

/** The half bits of a float32 given as bits. */
function halfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  // 65520 and above lie beyond the middle between the largest half, 65504, and the next step.
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude >= 0x38800000) {
    // Normal: rebias the exponent; adding just under half a step, plus the last kept bit, rounds ties to even.
    const rebased = magnitude - 0x38000000
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13)
  }
  if (magnitude <= 0x33000000) return sign
  // Subnormal: the fraction with its hidden bit, counted in steps of 2^-24.
  const shift = 126 - (magnitude >>> 23)
  const fraction = (magnitude & 0x7fffff) | 0x800000
  const steps = fraction >>> shift
  const rest = fraction & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  return sign | (steps + (rest > half || (rest === half && (steps & 1) === 1) ? 1 : 0))
}

/** float32 to half bits. Values beyond +-65504 round to infinity. */
export function float32ToFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const halves = new Uint16Array(values.length)
  for (let n = 0; n < halves.length; n++) halves[n] = halfBits(bits[n]!)
  return halves
}

/** Half bits to float32, exactly. */
export function float16ToFloat32(halves: Uint16Array): Float32Array<ArrayBuffer> {
  halfTable ??= buildHalfTable()
  const values = new Float32Array(halves.length)
  for (let n = 0; n < values.length; n++) values[n] = halfTable[halves[n]!]!
  return values
}

/** float32 to bfloat16 bits: the upper half of the float32, rounded. */
export function float32ToBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const brains = new Uint16Array(values.length)
  for (let n = 0; n < brains.length; n++) {
    const value = bits[n]!
    const notANumber = (value & 0x7fffffff) > 0x7f800000
    // A NaN whose payload sits in the lower half would round to infinity, so it is made quiet instead.
    brains[n] = notANumber ? (value >>> 16) | 0x40 : (value + 0x7fff + ((value >>> 16) & 1)) >>> 16
  }
  return brains
}

/** bfloat16 bits to float32, exactly. */
export function bfloat16ToFloat32(brains: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(brains.length)
  for (let n = 0; n < bits.length; n++) bits[n] = brains[n]! << 16
  return new Float32Array(bits.buffer)
}

/**
 * Half-precision conversion: IEEE 754 binary16 and bfloat16, as 16-bit patterns in a Uint16Array.
 * Encoding rounds to nearest, ties to even, as GPUs and PyTorch do; decoding is exact.
 */
const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/** The binary16 pattern nearest to `value`; beyond 65,520 in magnitude it is infinity. */
export function encodeHalf(value: number): number {
  scratch[0] = value
  const bits = scratchBits[0]!
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude >= 0x7f800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00)
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Subnormal halves: the value in units of 2^-24, rounded by adding it to 1.5 * 2^23 / 2^24.
    scratchBits[0] = magnitude
    scratch[0] = scratch[0]! + 0.5
    return sign | (scratchBits[0]! - 0x3f000000)
  }
  const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)
  return sign | (rounded >>> 13)
}

let decodeTable: Float32Array | undefined

function buildDecodeTable(): Float32Array {
  const table = new Float32Array(65536)
  for (let pattern = 0; pattern < 65536; pattern++) {
    const exponent = (pattern >>> 10) & 31
    const fraction = pattern & 1023
    const magnitude =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 31
          ? fraction
            ? Number.NaN
            : Number.POSITIVE_INFINITY
          : (1 + fraction / 1024) * 2 ** (exponent - 15)
    table[pattern] = pattern & 0x8000 ? -magnitude : magnitude
  }
  return table
}

/** binary16 patterns to float32; exact. */
export function decodeHalfArray(patterns: Uint16Array): Float32Array {
  decodeTable ??= buildDecodeTable()
  const table = decodeTable
  const out = new Float32Array(patterns.length)
  for (let i = 0; i < patterns.length; i++) out[i] = table[patterns[i]!]!
  return out
}

/** float32 to binary16 patterns, rounded to nearest even. */
export function encodeHalfArray(values: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(values.length)
  for (let i = 0; i < values.length; i++) out[i] = encodeHalf(values[i]!)
  return out
}

/** bfloat16 patterns to float32; exact. */
export function decodeBfloat16Array(patterns: Uint16Array): Float32Array {
  const out = new Float32Array(patterns.length)
  const bits = new Uint32Array(out.buffer)
  for (let i = 0; i < patterns.length; i++) bits[i] = patterns[i]! << 16
  return out
}

/** float32 to bfloat16 patterns, rounded to nearest even; NaN stays NaN. */
export function encodeBfloat16Array(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length)
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  for (let i = 0; i < values.length; i++) {
    const pattern = bits[i]!
    const isNan = (pattern & 0x7fffffff) > 0x7f800000
    out[i] = isNan ? (pattern >>> 16) | 0x40 : (pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16
  }
  return out
}

/** Four unsigned 32-bit integers. */
export type Uint32x4 = [number, number, number, number]

/** Philox4x32-10 constants: multipliers and the Weyl steps of the key (Salmon et al., SC 2011, table 2). */
const MULTIPLIER_0 = 0xd2511f53
const MULTIPLIER_1 = 0xcd9e8d57
const WEYL_0 = 0x9e3779b9
const WEYL_1 = 0xbb67ae85
const ROUNDS = 10

/**
 * The upper 32 bits of the 64-bit product of two unsigned 32-bit integers, from 16-bit pieces that float64 holds
 * exactly.
 */
function multiplyHigh(a: number, b: number): number {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16]
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  return (aHigh * bHigh + (middle >>> 16) + ((aLow * bHigh + (middle & 0xffff)) >>> 16)) >>> 0
}

/** Philox into `out`, for loops that must not allocate. */
export function philoxInto(
  out: Uint32Array,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  let [x0, x1, x2, x3, key0, key1] = [c0, c1, c2, c3, k0, k1]
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(x0, MULTIPLIER_0)
    const low0 = Math.imul(x0, MULTIPLIER_0)
    const high1 = multiplyHigh(x2, MULTIPLIER_1)
    const low1 = Math.imul(x2, MULTIPLIER_1)
    x0 = (high1 ^ x1 ^ key0) >>> 0
    x1 = low1 >>> 0
    x2 = (high0 ^ x3 ^ key1) >>> 0
    x3 = low0 >>> 0
    key0 = (key0 + WEYL_0) >>> 0
    key1 = (key1 + WEYL_1) >>> 0
  }
  out[0] = x0
  out[1] = x1
  out[2] = x2
  out[3] = x3
}

/**
 * Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3" (SC 2011): a bijection of 128-bit counters for every 64-bit key, in integer arithmetic only, hence the same
 * on every machine and in any order. Counter, key and result are unsigned 32-bit integers.
 */
export function philox4x32(counter: Readonly<Uint32x4>, key: readonly [number, number]): Uint32x4 {
  const out = new Uint32Array(4)
  philoxInto(out, counter[0], counter[1], counter[2], counter[3], key[0], key[1])
  return [out[0]!, out[1]!, out[2]!, out[3]!]
}

/** A word as a number in [0, 1) with 24 random bits, which float32 holds exactly. */
export function toUniform(word: number): number {
  return (word >>> 8) * 2 ** -24
}

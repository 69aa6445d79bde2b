/**
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a counter and a
 * key give four random words, with no state in between. The WGSL in `kernels/random` is the same function, so that a
 * seed gives the same numbers on every adapter and on the host.
 */
export type Words4 = readonly [number, number, number, number]

const multiplierA = 0xd2511f53
const multiplierB = 0xcd9e8d57
const keyStepA = 0x9e3779b9
const keyStepB = 0xbb67ae85

/** High 32 bits of the 64-bit product of two words. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const cross = aLow * bHigh + (middle % 65536)
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(cross / 65536)) >>> 0
}

/** Four random words of a counter under a key; all words are unsigned 32-bit. */
export function philox4x32(counter: Words4, key: readonly [number, number]): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < 10; round++) {
    const highA = multiplyHigh(multiplierA, c0)
    const lowA = Math.imul(multiplierA, c0) >>> 0
    const highB = multiplyHigh(multiplierB, c2)
    const lowB = Math.imul(multiplierB, c2) >>> 0
    c0 = (highB ^ c1 ^ k0) >>> 0
    c1 = lowB
    c2 = (highA ^ c3 ^ k1) >>> 0
    c3 = lowA
    k0 = (k0 + keyStepA) >>> 0
    k1 = (k1 + keyStepB) >>> 0
  }
  return [c0, c1, c2, c3]
}

/** A word as a number in [0, 1) with 24 random bits, which float32 holds exactly. */
export function toUniform(word: number): number {
  return (word >>> 8) * 2 ** -24
}

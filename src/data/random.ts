import { philoxInto } from '../numeric/philox.js'
import { DataError } from './errors.js'

/** The two key words of a seed. */
function keyOf(seed: number): [number, number] {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new DataError(`seed ${seed} is not a whole number from 0 to 2^53 - 1`)
  }
  return [seed >>> 0, Math.floor(seed / 2 ** 32)]
}

/**
 * A sequence of random numbers from (seed, stream). Different streams of one seed are independent, so each purpose
 * takes its own and adding a draw to one changes no other. Counter words: block number (2), stream, 0.
 */
export class RandomStream {
  private readonly key: [number, number]
  private readonly words = new Uint32Array(4)
  private block = 0
  private used = 4

  /** Throws a DataError unless `seed` is a whole number from 0 to 2^53 - 1. `stream` has 32 bits. */
  constructor(
    seed: number,
    private readonly stream: number,
  ) {
    this.key = keyOf(seed)
  }

  private next(): number {
    if (this.used === 4) {
      const { block, key } = this
      philoxInto(this.words, block >>> 0, Math.floor(block / 2 ** 32), this.stream, 0, key[0], key[1])
      this.block++
      this.used = 0
    }
    return this.words[this.used++]!
  }

  /** Uniform in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.next() / 2 ** 32)
  }

  /** One of the items, each as likely as the others. */
  choose<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.uniform(0, items.length))]!
  }

  /** Fills an array with standard normal numbers, two at a time by Box and Muller's transform. */
  fillNormal(out: Float32Array): void {
    for (let n = 0; n < out.length; n += 2) {
      // 1 - u lies in (0, 1], so the logarithm is finite.
      const radius = Math.sqrt(-2 * Math.log(1 - this.next() / 2 ** 32))
      const angle = (2 * Math.PI * this.next()) / 2 ** 32
      out[n] = radius * Math.cos(angle)
      if (n + 1 < out.length) out[n + 1] = radius * Math.sin(angle)
    }
  }
}

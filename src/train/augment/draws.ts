/** Random numbers of one step for one sample, whatever the batch it is in. */
import type { Draw } from '../../engine/index.js'
import { ValueError } from '../../engine/index.js'
import { philox4x32, toUniform } from '../../numeric/philox.js'

/** A whole number as two words of 32 bits. */
function wordsOf(value: number, what: string): [number, number] {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ValueError(`augmentation: ${what} ${value} is not a whole number from 0 to 2^53 - 1`)
  }
  return [value >>> 0, Math.floor(value / 2 ** 32)]
}

/** Counter words: block of the sequence, step, and the sample's number in two; the key is the seed. */
export class SampleDraws {
  private readonly key: [number, number]
  private readonly sample: [number, number]
  private words: readonly number[] = []
  private block = 0

  constructor(
    seed: number,
    sample: number,
    private readonly step: number,
  ) {
    this.key = wordsOf(seed, 'the seed')
    this.sample = wordsOf(sample, 'the sample')
  }

  private next(): number {
    const at = this.block++ % 4
    if (at === 0) {
      this.words = philox4x32([(this.block - 1) / 4, this.step, this.sample[0], this.sample[1]], this.key)
    }
    return this.words[at]!
  }

  /** Uniform in [low, high), in steps of 2^-24 of the range. */
  uniform(low: number, high: number): number {
    return low + (high - low) * toUniform(this.next())
  }

  /** Uniform in (-limit, limit). */
  within(limit: number): number {
    return this.uniform(-limit, limit)
  }

  /** One of 0 to `count - 1`. */
  below(count: number): number {
    return Math.floor((this.next() / 2 ** 32) * count)
  }

  happens(probability = 1): boolean {
    return toUniform(this.next()) < probability
  }

  /** A stream of its own for numbers that the device makes. */
  draw(): Draw {
    return { seed: this.next(), index: this.next() }
  }

  /** The numbers 0 to `count - 1` in random order (Fisher and Yates). */
  order(count: number): number[] {
    const list = Array.from({ length: count }, (_, n) => n)
    for (let last = count - 1; last > 0; last--) {
      const other = this.below(last + 1)
      const value = list[last]!
      list[last] = list[other]!
      list[other] = value
    }
    return list
  }
}

import { describe, expect, it } from 'vitest'
import {
  checkpoint,
  type Device,
  Generator,
  gradients,
  openDevice,
  scope,
  type Tensor,
  tensor,
} from '../../src/engine/index.js'
import { mul, square } from '../../src/kernels/elementwise/index.js'
import {
  bernoulli,
  dropout,
  randomNormal,
  randomPermutation,
  randomUniform,
  randomWords,
  truncatedNormal,
} from '../../src/kernels/random/index.js'
import { sum } from '../../src/kernels/reduce/index.js'
import { philox4x32, toUniform } from '../../src/numeric/philox.js'
import { erf } from '../../src/numeric/special.js'
import { largestError } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()
const count = 100_000

/** The word that the streams promise for an element, straight from the host's Philox. */
const hostWord = (seed: number, draw: number, n: number): number =>
  philox4x32([Math.floor(n / 4), draw, 0, 0], [seed, 0x766f7867])[n % 4]!

async function take(make: () => Tensor): Promise<Float64Array> {
  const result = scope(make)
  const values = Float64Array.from(await result.data())
  result.dispose()
  return values
}

const meanOf = (values: Float64Array) => values.reduce((a, b) => a + b, 0) / values.length
const varianceOf = (values: Float64Array, mean: number) => meanOf(values.map((value) => (value - mean) ** 2))

/** Largest distance between the values' distribution function and a given one (Kolmogorov and Smirnov). */
function distance(values: Float64Array, distribution: (x: number) => number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted.reduce((worst, x, i) => Math.max(worst, Math.abs((i + 0.5) / sorted.length - distribution(x))), 0)
}
const normalDistribution = (x: number) => (1 + erf(x / Math.SQRT2)) / 2
/** A distance that chance exceeds once in a million. */
const farthest = 2.7 / Math.sqrt(count)

describe('words', () => {
  it('are those of the host', async () => {
    for (const seed of [0, 1, 0xdeadbeef, 0xffffffff]) {
      const generator = new Generator(seed, 3)
      const words = scope(() => randomWords(device, [1027], { generator }))
      expect(Array.from(await words.data())).toEqual(Array.from({ length: 1027 }, (_, n) => hostWord(seed, 3, n)))
      expect(generator.drawn).toBe(4)
      words.dispose()
    }
  })

  it('differ between draws, and resume from a count', async () => {
    const generator = new Generator(5)
    const draw = (from: Generator) => take(() => randomWords(device, [64], { generator: from }))
    const [first, second] = [await draw(generator), await draw(generator)]
    expect(first).not.toEqual(second)
    expect(await draw(new Generator(5, 1))).toEqual(second)
  })

  it('do not depend on windows', async () => {
    const small = await openDevice()
    ;(small.capabilities as { maxBindingBytes: number }).maxBindingBytes = 4096
    const words = (on: Device) => take(() => randomWords(on, [5000], { generator: new Generator(8) }))
    const dropped = (on: Device) =>
      take(() => dropout(tensor(on, new Float32Array(5000).fill(1)), { p: 0.5, generator: new Generator(8) }))
    expect(await words(small)).toEqual(await words(device))
    expect(await dropped(small)).toEqual(await dropped(device))
    small.destroy()
  })
})

describe('uniform numbers', () => {
  it('are the words, scaled', async () => {
    const values = await take(() => randomUniform(device, [999], { generator: new Generator(2) }))
    expect(Array.from(values)).toEqual(Array.from({ length: 999 }, (_, n) => toUniform(hostWord(2, 0, n))))
  })

  it('fill their range evenly and stay below its end', async () => {
    const values = await take(() => randomUniform(device, [count], { generator: new Generator(3), low: -2, high: 6 }))
    expect(distance(values, (x) => (x + 2) / 8)).toBeLessThan(farthest)
    const narrow = await take(() =>
      randomUniform(device, [count], { generator: new Generator(3), low: 1000, high: 1000.0001 }),
    )
    expect(narrow.every((value) => value >= 1000 && value < Math.fround(1000.0001))).toBe(true)
    const single = await take(() => randomUniform(device, [9], { generator: new Generator(3), low: 4, high: 4 }))
    expect(single.every((value) => value === 4)).toBe(true)
  })

  it('refuse bounds out of order', () => {
    expect(() => randomUniform(device, [1], { generator: new Generator(0), low: 1, high: 0 })).toThrow('in order')
  })
})

describe('normal numbers', () => {
  it('are Box and Muller of the words, to a few units in the last place', async () => {
    const values = await take(() => randomNormal(device, [count], { generator: new Generator(6) }))
    const want = Float64Array.from({ length: count }, (_, n) => {
      const pair = n - (n % 2)
      const radius = Math.sqrt(-2 * Math.log(((hostWord(6, 0, pair) >>> 8) + 1) / 2 ** 24))
      const angle = (2 * Math.PI * (hostWord(6, 0, pair + 1) >>> 8)) / 2 ** 24
      return radius * (n % 2 === 0 ? Math.cos(angle) : Math.sin(angle))
    })
    expect(largestError(values, want)).toBeLessThan(3e-6)
  })

  it('have their mean, deviation and shape', async () => {
    const values = await take(() => randomNormal(device, [count], { generator: new Generator(7), mean: 3, std: 0.5 }))
    const mean = meanOf(values)
    expect(Math.abs(mean - 3)).toBeLessThan((5 * 0.5) / Math.sqrt(count))
    expect(Math.abs(varianceOf(values, mean) / 0.25 - 1)).toBeLessThan(5 * Math.sqrt(2 / count))
    expect(distance(values, (x) => normalDistribution((x - 3) / 0.5))).toBeLessThan(farthest)
    // Neighbours come from one block, and from one pair of words.
    const products = values.slice(1).map((value, i) => (value - 3) * (values[i]! - 3))
    expect(Math.abs(meanOf(products))).toBeLessThan((5 * 0.25) / Math.sqrt(count))
  })

  it('are rounded to f16 on request', async () => {
    if (!device.capabilities.f16) return
    const options = () => ({ generator: new Generator(4) })
    const exact = await take(() => randomNormal(device, [1000], options()))
    const half = await take(() => randomNormal(device, [1000], { ...options(), dtype: 'f16' }))
    expect(largestError(half, exact)).toBeLessThan(4e-3)
  })
})

describe('truncated normal numbers', () => {
  it.each([
    [-2, 2],
    [-100, 100],
    [0.5, 3],
    [-4, 100],
  ])('from %d to %d follow the cut distribution', async (low, high) => {
    const values = await take(() => truncatedNormal(device, [count], { generator: new Generator(9), low, high }))
    const [from, to] = [normalDistribution(low), normalDistribution(high)]
    expect(values.every((value) => value >= low && value <= high && Math.abs(value) < 6)).toBe(true)
    expect(distance(values, (x) => (normalDistribution(x) - from) / (to - from))).toBeLessThan(farthest)
  })

  it('refuse what float32 cannot resolve', () => {
    const generator = new Generator(0)
    expect(() => truncatedNormal(device, [1], { generator, low: 6, high: 7 })).toThrow('lies in 6 to 7')
    expect(() => truncatedNormal(device, [1], { generator, low: 2, high: 1 })).toThrow('in order')
    expect(() => randomNormal(device, [1], { generator, std: -1 })).toThrow('not negative')
  })
})

describe('bernoulli', () => {
  it('has its probability, and its ends are certain', async () => {
    const flags = (p: number) => take(() => bernoulli(device, [count], { generator: new Generator(12), p }))
    expect(Math.abs(meanOf(await flags(0.2)) - 0.2)).toBeLessThan(5 * Math.sqrt(0.16 / count))
    expect(meanOf(await flags(0))).toBe(0)
    expect(meanOf(await flags(1))).toBe(1)
    expect(() => bernoulli(device, [1], { generator: new Generator(0), p: 1.1 })).toThrow('from 0 to 1')
  })
})

describe('dropout', () => {
  const ones = () => tensor(device, new Float32Array(count).fill(1))

  it('keeps the mean', async () => {
    const values = await take(() => dropout(ones(), { p: 0.25, generator: new Generator(1) }))
    expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / 0.75)]))
    expect(Math.abs(meanOf(values) - 1)).toBeLessThan(5 * Math.sqrt(0.25 / 0.75 / count))
  })

  it('passes everything or nothing at its ends', async () => {
    scope(() => {
      const x = ones()
      expect(dropout(x, { p: 0, generator: new Generator(1) })).toBe(x)
      expect(dropout(x, { p: 0.5, generator: new Generator(1), training: false })).toBe(x)
    })
    const infinite = () => tensor(device, Float32Array.of(1, Number.POSITIVE_INFINITY, Number.NaN))
    expect(Array.from(await take(() => dropout(infinite(), { p: 1, generator: new Generator(1) })))).toEqual([0, 0, 0])
    expect(() => scope(() => dropout(ones(), { p: -0.1, generator: new Generator(1) }))).toThrow('from 0 to 1')
  })

  it('drops the same elements in the backward pass, also when a checkpoint runs it again', async () => {
    const x = tensor(
      device,
      Float32Array.from({ length: 1000 }, (_, n) => Math.sin(n)),
      [1000],
      { requiresGrad: true },
    )
    const run = (wrap: boolean) => {
      const generator = new Generator(21)
      const block = (input: Tensor) => {
        const once = mul(dropout(input, { p: 0.4, generator }), 3)
        return square(dropout(once, { p: 0.3, generator }))
      }
      return scope(() => {
        const y = wrap ? checkpoint(block, x) : block(x)
        // A later draw must not disturb the repetition.
        const loss = sum(mul(y, randomNormal(device, [1000], { generator })))
        return [y, gradients(loss, [x])[0]!] as [Tensor, Tensor]
      })
    }
    const plain = run(false)
    const again = run(true)
    for (const [k, value] of plain.entries()) expect(await again[k]!.data()).toEqual(await value.data())
    const [y, dx] = [await plain[0].data(), await plain[1].data()]
    expect(Array.from(dx, (g) => g === 0)).toEqual(Array.from(y, (value) => value === 0))
    for (const value of [x, ...plain, ...again]) value.dispose()
  })
})

describe('randomPermutation', () => {
  it('holds every number once, and repeats for a seed', () => {
    const order = randomPermutation(1000, new Generator(17))
    expect(Array.from(order).sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    expect(randomPermutation(1000, new Generator(17))).toEqual(order)
    expect(randomPermutation(1000, new Generator(18))).not.toEqual(order)
    expect(randomPermutation(0, new Generator(1))).toHaveLength(0)
  })

  it('puts every number everywhere', () => {
    const generator = new Generator(3)
    const seen = Array.from({ length: 25 }, () => 0)
    for (let run = 0; run < 10_000; run++) {
      for (const [place, value] of randomPermutation(5, generator).entries()) seen[5 * place + value]!++
    }
    for (const times of seen) expect(Math.abs(times - 2000)).toBeLessThan(5 * Math.sqrt(1600))
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gradients, ShapeError, scope, type Tensor, tensor } from '../../src/engine/index.js'
import { mul } from '../../src/kernels/elementwise/index.js'
import { embedding } from '../../src/kernels/embedding/index.js'
import { gather, indexSelect, maskedFill, scatter, scatterAdd } from '../../src/kernels/gather/index.js'
import { sum } from '../../src/kernels/reduce/index.js'
import { philox4x32 } from '../../src/numeric/philox.js'
import { largestError } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()
const word = (n: number, seed: number) => philox4x32([n, 0, 0, 0], [seed, 1])[0]
const random = (size: number, seed: number) =>
  Float32Array.from({ length: size }, (_, n) => word(n, seed) / 2 ** 31 - 1)

/** Sums by index in float64. */
function binned(values: ArrayLike<number>, index: ArrayLike<number>, bins: number): Float64Array {
  const sums = new Float64Array(bins)
  for (let n = 0; n < values.length; n++) {
    const at = index[n]!
    if (at >= 0 && at < bins) sums[at]! += values[n]!
  }
  return sums
}

async function scattered(values: Float32Array, index: Int32Array, bins: number): Promise<Float32Array> {
  const result = scope(() =>
    scatterAdd(tensor(device, new Float32Array(bins)), tensor(device, index), tensor(device, values), { axis: 0 }),
  )
  const data = (await result.data()) as Float32Array
  result.dispose()
  return data
}

describe('scatterAdd', () => {
  it('sums what any index names', async () => {
    const index = fc.array(fc.integer({ min: -1, max: 8 }), { minLength: 1, maxLength: 300 })
    await fc.assert(
      fc.asyncProperty(index, async (list) => {
        const values = random(list.length, 5)
        const got = await scattered(values, Int32Array.from(list), 8)
        expect(largestError(got, binned(values, list, 8))).toBeLessThan(1e-5)
      }),
      { numRuns: 40 },
    )
  })

  it.each([
    ['one bin for all', () => 0, 1],
    ['few bins', (n: number) => word(n, 3) % 10, 10],
    ['as many bins as values', (n: number) => word(n, 3) % 100_000, 100_000],
    ['two halves', (n: number) => (n < 50_000 ? 0 : 1), 2],
    ['all distinct', (n: number) => 99_999 - n, 100_000],
  ] as const)('scales to 100,000 positions: %s', async (_, indexOf, bins) => {
    const index = Int32Array.from({ length: 100_000 }, (_, n) => indexOf(n))
    const values = random(index.length, 7)
    const want = binned(values, index, bins)
    const got = await scattered(values, index, bins)
    expect(largestError(got, want)).toBeLessThan(2e-3)
    expect(await scattered(values, index, bins)).toEqual(got)
  })

  it('adds integers exactly', async () => {
    const result = scope(() =>
      scatterAdd(
        tensor(device, Int32Array.of(1, 2)),
        tensor(device, Int32Array.of(1, 1, 0)),
        tensor(device, Int32Array.of(2 ** 24, 1, -5)),
        { axis: 0 },
      ),
    )
    expect(Array.from(await result.data())).toEqual([-4, 2 ** 24 + 3])
    result.dispose()
  })
})

describe('an index smaller than the data', () => {
  const x = () =>
    tensor(
      device,
      Float32Array.from({ length: 12 }, (_, i) => i),
      [3, 4],
      { requiresGrad: true },
    )
  const index = () => tensor(device, Int32Array.of(2, 0, 1, 1), [2, 2])

  it('gathers from the corner', async () => {
    const leaf = x()
    const [y, dx] = scope(() => {
      const picked = gather(leaf, index(), { axis: 0 })
      return [picked, gradients(sum(picked), [leaf])[0]!] as [Tensor, Tensor]
    })
    expect(Array.from(await y.data())).toEqual([8, 1, 4, 5])
    expect(Array.from(await dx.data())).toEqual([0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0])
    for (const value of [leaf, y, dx]) value.dispose()
  })

  it('scatters into the corner, from a larger source', async () => {
    const leaf = x()
    const src = tensor(device, Float32Array.of(10, 20, 30, 40, 50, 60), [2, 3], { requiresGrad: true })
    const [added, replaced, dsrc] = scope(() => {
      const sums = scatterAdd(leaf, index(), src, { axis: 0 })
      return [sums, scatter(leaf, index(), src, { axis: 0 }), gradients(sum(sums), [src])[0]!] as Tensor[]
    })
    expect(Array.from(await added!.data())).toEqual([0, 21, 2, 3, 44, 55, 6, 7, 18, 9, 10, 11])
    expect(Array.from(await replaced!.data())).toEqual([0, 20, 2, 3, 40, 50, 6, 7, 10, 9, 10, 11])
    expect(Array.from(await dsrc!.data())).toEqual([1, 1, 0, 1, 1, 0])
    for (const value of [leaf, src, added!, replaced!, dsrc!]) value.dispose()
  })

  it('must not be larger', () => {
    scope(() => {
      const large = tensor(device, new Int32Array(8), [2, 4])
      const small = tensor(device, new Float32Array(6), [2, 3])
      expect(() => gather(small, large, { axis: 0 })).toThrow(ShapeError)
      expect(() => scatterAdd(small, large, tensor(device, new Float32Array(8), [2, 4]), { axis: 0 })).toThrow('[2, 4]')
      expect(() => scatter(small, index(), tensor(device, new Float32Array(2), [1, 2]), { axis: 0 })).toThrow('source')
      expect(() => gather(small, small, { axis: 0 })).toThrow('i32 or u32')
    })
  })
})

describe('scatter', () => {
  it('keeps the last of several, and gives it alone the gradient', async () => {
    const size = 5000
    const index = Int32Array.from({ length: size }, (_, n) => word(n, 9) % 50)
    const values = random(size, 11)
    const leaf = tensor(device, new Float32Array(60), [60], { requiresGrad: true })
    const src = tensor(device, values, [size], { requiresGrad: true })
    const [y, dx, dsrc] = scope(() => {
      const result = scatter(leaf, tensor(device, index), src, { axis: 0 })
      return [result, ...gradients(sum(result), [leaf, src])] as Tensor[]
    })
    const last = Array.from({ length: 60 }, (_, place) => index.lastIndexOf(place))
    expect(Array.from(await y!.data())).toEqual(last.map((n) => (n < 0 ? 0 : values[n])))
    expect(Array.from(await dx!.data())).toEqual(last.map((n) => (n < 0 ? 1 : 0)))
    expect(Array.from(await dsrc!.data())).toEqual(Array.from(index, (place, n) => (last[place] === n ? 1 : 0)))
    for (const value of [leaf, src, y!, dx!, dsrc!]) value.dispose()
  })
})

describe('embedding', () => {
  it('has the gradient of a BERT table', async () => {
    const [rows, features, tokens] = [30_522, 768, 8192]
    // Half of the tokens are padding, the others as skewed as words are.
    const ids = Int32Array.from({ length: tokens }, (_, n) =>
      n % 128 > 64 ? 0 : Math.floor(rows ** (word(n, 2) / 2 ** 32)),
    )
    const dy = random(tokens * features, 13)
    const weight = tensor(device, new Float32Array(rows * features), [rows, features], { requiresGrad: true })
    const gradient = (paddingIdx?: number) =>
      scope(() => {
        const y = embedding(tensor(device, ids, [64, 128]), weight, { paddingIdx })
        return gradients(sum(mul(y, tensor(device, dy, y.shape))), [weight])[0]!
      })
    const plain = gradient()
    const got = await plain.data()
    const want = new Float64Array(rows * features)
    for (let t = 0; t < tokens; t++) {
      for (let c = 0; c < features; c++) want[ids[t]! * features + c]! += dy[t * features + c]!
    }
    expect(largestError(got, want)).toBeLessThan(1e-4)
    const unpadded = gradient(0)
    const skipped = await unpadded.data()
    expect(skipped.subarray(0, features).every((value) => value === 0)).toBe(true)
    expect(largestError(skipped.subarray(features), got.subarray(features))).toBe(0)
    for (const value of [weight, plain, unpadded]) value.dispose()
  })
})

describe('indices outside', () => {
  it('read zeros and write nothing', async () => {
    const wild = Int32Array.of(-1, 2 ** 31 - 1, -(2 ** 31), 3, 2)
    const x = tensor(device, Float32Array.of(1, 2, 3))
    const [selected, added] = scope(() => [
      indexSelect(x, tensor(device, wild), { axis: 0 }),
      scatterAdd(x, tensor(device, wild), tensor(device, Float32Array.of(1, 1, 1, 1, 1)), { axis: 0 }),
    ]) as [Tensor, Tensor]
    expect(Array.from(await selected.data())).toEqual([0, 0, 0, 0, 3])
    expect(Array.from(await added.data())).toEqual([1, 2, 4])
    for (const value of [x, selected, added]) value.dispose()
  })
})

describe('maskedFill', () => {
  it('broadcasts the mask, never the data', async () => {
    const x = tensor(device, Int32Array.of(1, 2, 3, 4), [2, 2])
    const y = scope(() => maskedFill(x, tensor(device, Uint32Array.of(0, 1)), -9))
    expect(Array.from(await y.data())).toEqual([1, -9, 3, -9])
    expect(() => scope(() => maskedFill(x, tensor(device, new Uint32Array(8), [2, 2, 2]), 0))).toThrow(ShapeError)
    for (const value of [x, y]) value.dispose()
  })
})

describe('indexSelect with an inverse', () => {
  it('has the gradient that it has without one, for any places listed once', async () => {
    const order = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6], { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(order, fc.nat(9), async (places, padding) => {
        const list = [...places]
        list.splice(padding % (list.length + 1), 0, -1)
        const index = tensor(device, list, [list.length], { dtype: 'i32' })
        const places7 = Array.from({ length: 7 }, (_, place) => list.indexOf(place))
        const inverse = tensor(device, places7, [7], { dtype: 'i32' })
        const x = tensor(device, random(2 * 7 * 4, 3), [2, 7, 4]).setRequiresGrad()
        const weights = tensor(device, random(2 * list.length * 4, 4), [2, list.length, 4])
        const gradientOf = (options: { inverse?: Tensor }) =>
          scope(() => gradients(sum(mul(indexSelect(x, index, { axis: 1, ...options }), weights)), [x]))[0]!
        const [want, got] = [gradientOf({}), gradientOf({ inverse })]
        expect(await got.data()).toEqual(await want.data())
        for (const value of [index, inverse, x, weights, want, got]) value.dispose()
      }),
      { numRuns: 20 },
    )
  })

  it('refuses an inverse of another length than the axis', () => {
    const list = tensor(device, [1, 0], [2], { dtype: 'i32' })
    expect(() => indexSelect(tensor(device, random(12, 1), [3, 4]), list, { axis: 0, inverse: list })).toThrow(
      ShapeError,
    )
  })
})

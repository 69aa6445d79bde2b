/** Attention: what the cases do not say. */
import { describe, expect, it } from 'vitest'
import { Generator, gradients, LimitError, scope, type Tensor, tensor } from '../../src/engine/index.js'
import { attention, multiheadAttention } from '../../src/kernels/attention/index.js'
import { mul } from '../../src/kernels/elementwise/index.js'
import { sum } from '../../src/kernels/reduce/index.js'
import { caseValues, largestError, largestMagnitude } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

const random = (shape: readonly number[], seed: number) => tensor(device, caseValues({ shape }, seed), shape)

describe('memory', () => {
  it('is linear in the tokens, with and without gradients', async () => {
    const shape = [1, 2048, 1, 8]
    const inputs = [1, 2, 3].map((seed) => random(shape, seed).setRequiresGrad())
    await device.sync()
    const before = device.memory().liveBytes
    device.resetPeakMemory()
    const results = scope(() => gradients(sum(attention(inputs[0]!, inputs[1]!, inputs[2]!)), inputs))
    await results[0]!.data()
    // One T x T matrix would take 16 MiB; everything here is some multiple of T * hd.
    expect(device.memory().peakBytes - before).toBeLessThan(2 ** 21)
    for (const value of [...inputs, ...results]) value.dispose()
  })
})

describe('more keys than a binding holds', () => {
  it('are walked by windows, in both directions', async () => {
    const small = await testDevice()
    const whole = small.capabilities.maxBindingBytes
    const limit = small.capabilities as { maxBindingBytes: number }
    const [heads, headDim, keys] = [2, 8, 1000]
    const on = (shape: readonly number[], seed: number) => tensor(small, caseValues({ shape }, seed), shape)
    const q = on([1, 3, heads, headDim], 1).setRequiresGrad()
    const [k, v] = [2, 3].map((seed) => on([1, keys, heads, headDim], seed).setRequiresGrad()) as [Tensor, Tensor]
    const bias = on([heads, 3, keys], 4)
    const keyPaddingMask = tensor(
      small,
      Array.from({ length: keys }, (_, i) => Number(i % 5 !== 0 && i < 900)),
      [1, keys],
      { dtype: 'u32' },
    )
    const cotangent = on(q.shape, 5)
    const options = { bias, keyPaddingMask, scale: 2 }
    const run = () =>
      scope(() => {
        const y = attention(q, k, v, { ...options, dropout: { p: 0.2, generator: new Generator(3) } })
        return [y, ...gradients(sum(mul(y, cotangent)), [q, k, v])]
      })
    const read = (results: readonly Tensor[]) => Promise.all(results.map((result) => result.data()))
    const want = await read(run())
    try {
      // A third of the keys: 384, 384 and 232.
      limit.maxBindingBytes = 384 * heads * headDim * 4
      const found = run()
      limit.maxBindingBytes = whole
      for (const [i, values] of (await read(found)).entries()) {
        expect(largestError(values, want[i]!), `result ${i}`).toBeLessThan(1e-5 * largestMagnitude(want[i]!))
      }
      limit.maxBindingBytes = 384 * heads * headDim * 4
      expect(() => attention(q, k, v, { keyLengths: tensor(small, Int32Array.of(5)) })).toThrow(LimitError)
    } finally {
      limit.maxBindingBytes = whole
    }
  })
})

describe('excluded keys', () => {
  it('a query without any key gives exactly 0 and no gradient', async () => {
    const inputs = [1, 2, 3].map((seed) => random([2, 3, 1, 4], seed).setRequiresGrad())
    const mask = tensor(device, [0, 0, 0, 1, 0, 1], [2, 3], { dtype: 'u32' })
    const y = attention(inputs[0]!, inputs[1]!, inputs[2]!, { keyPaddingMask: mask })
    const results = scope(() => gradients(sum(y), inputs))
    for (const value of [y, ...results]) expect([...(await value.data())].slice(0, 12)).toEqual(new Array(12).fill(0))
    // In the second entry, the middle key is out.
    expect([...(await results[2]!.data())].slice(16, 20)).toEqual([0, 0, 0, 0])
    for (const value of [y, ...inputs, ...results]) value.dispose()
  })

  it('a bias of minus infinity excludes too', async () => {
    const v = tensor(device, [1, 2, 3, 4], [1, 4, 1, 1])
    const zero = tensor(device, [0, 0, 0, 0], [1, 4, 1, 1])
    const lowest = Number.NEGATIVE_INFINITY
    const bias = tensor(device, [0, lowest, lowest, 0, ...new Array(4).fill(lowest), ...new Array(8).fill(0)], [4, 4])
    const y = attention(zero, zero, v, { bias })
    expect([...(await y.data())]).toEqual([2.5, 0, 2.5, 2.5])
  })
})

it('stays finite and picks the largest at scores of 1e4', async () => {
  const q = tensor(device, [1e4, -1e4], [1, 2, 1, 1])
  const k = tensor(device, [1, 0, -1], [1, 3, 1, 1], { requiresGrad: true })
  const v = tensor(device, [5, 6, 7], [1, 3, 1, 1])
  const y = attention(q, k, v, { scale: 1 })
  expect([...(await y.data())]).toEqual([5, 7])
  const [dk] = scope(() => gradients(sum(y), [k]))
  expect([...(await dk!.data())].every(Number.isFinite)).toBe(true)
})

it('passes NaN on, to its own query only', async () => {
  const q = tensor(device, [1, Number.NaN], [1, 2, 1, 1])
  const k = tensor(device, [1, 2], [1, 2, 1, 1])
  const y = await attention(q, k, k).data()
  expect([Number.isNaN(y[0]), Number.isNaN(y[1])]).toEqual([false, true])
})

it('takes more than 65,535 heads', async () => {
  const batch = 66_000
  const shape = [batch, 1, 1, 4]
  const v = tensor(
    device,
    Float32Array.from({ length: batch * 4 }, (_, i) => i),
    shape,
  )
  const y = await attention(v, v, v).data()
  expect(y.every((value, i) => value === i)).toBe(true)
})

it('gives the same bits every time', async () => {
  const inputs = [1, 2, 3].map((seed) => random([1, 300, 2, 12], seed).setRequiresGrad())
  const run = async () => {
    const results = scope(() => gradients(sum(attention(inputs[0]!, inputs[1]!, inputs[2]!)), inputs))
    return Promise.all(results.map((result) => result.data()))
  }
  expect(await run()).toEqual(await run())
})

it('says what is wrong', () => {
  const q = random([2, 3, 2, 4], 1)
  const short = random([2, 5, 1, 4], 2)
  expect(() => attention(q, short, short)).toThrow(
    'attention: q [2, 3, 2, 4], k [2, 5, 1, 4], v [2, 5, 1, 4] differ in batch, heads or head size',
  )
  expect(() => attention(q, q, q, { bias: random([3, 2, 3, 3], 3) })).toThrow(
    'attention: bias [3, 2, 3, 3] does not broadcast to [2, 2, 3, 3]',
  )
  const mask = tensor(device, [1, 1, 1], [1, 3], { dtype: 'u32' })
  expect(() => attention(q, q, q, { keyPaddingMask: mask })).toThrow(/keyPaddingMask \[1, 3\] is not \[B, Tk\]/)
  expect(() => attention(q, q, q, { segments: mask, keyPaddingMask: mask })).toThrow(/not several/)
  const half = device.capabilities.f16 ? tensor(device, [0], [1, 1, 1, 1], { dtype: 'f16' }) : undefined
  const whole = tensor(device, [0], [1, 1, 1, 1])
  if (half) expect(() => attention(half, whole, whole)).toThrow(/f16, f32 and f32: cast them to one type/)
  const wide = random([1, 1, 1, 257], 1)
  expect(() => attention(wide, wide, wide)).toThrow(/head size 257 is not supported/)
  const x = random([1, 2, 6], 1)
  const projections = { inProjWeight: random([18, 6], 1), outProjWeight: random([6, 6], 1) }
  expect(() => multiheadAttention(x, x, { ...projections, heads: 4 })).toThrow(/E a multiple of 4 heads/)
  const packed = { ...projections, inProjWeight: random([12, 6], 1) }
  expect(() => multiheadAttention(x, x, { ...packed, heads: 2 })).toThrow(/inProjWeight \[12, 6\] is not \[3E, E\]/)
})

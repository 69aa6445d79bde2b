import { describe, expect, it } from 'vitest'
import { ShapeError, scope, tensor } from '../../src/engine/index.js'
import { argMax, argMin } from '../../src/kernels/argreduce/index.js'
import { topK } from '../../src/kernels/topk/index.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

async function take(values: readonly number[], k: number) {
  const found = scope(() => topK(tensor(device, values), { k }))
  return { values: [...(await found.values.data())], indices: [...(await found.indices.data())] }
}

describe('topK', () => {
  it('takes the first of equal elements, in their order', async () => {
    expect(await take([1, 5, 5, 2, 5, 5], 3)).toEqual({ values: [5, 5, 5], indices: [1, 2, 4] })
    expect(await take([0, -0, 0, -0], 3)).toMatchObject({ indices: [0, 1, 2] })
    const flat = Array.from({ length: 1000 }, () => 7)
    expect((await take(flat, 600)).indices).toEqual(Array.from({ length: 600 }, (_, i) => i))
  })

  it('ranks infinities at the ends and NaN above everything', async () => {
    const { POSITIVE_INFINITY: most, NEGATIVE_INFINITY: least } = Number
    expect(await take([1, least, Number.NaN, most, -2], 5)).toEqual({
      values: [Number.NaN, most, 1, -2, least],
      indices: [2, 3, 0, 4, 1],
    })
  })

  it('sorts more elements than fit in workgroup memory', async () => {
    const values = Array.from({ length: 5000 }, (_, i) => Math.fround(Math.sin(i * 1.7) * 100))
    const order = values.map((_, i) => i).sort((a, b) => values[b]! - values[a]! || a - b)
    for (const k of [1025, 3000, 5000]) {
      const found = await take(values, k)
      expect(found.indices).toEqual(order.slice(0, k))
      expect(found.values).toEqual(order.slice(0, k).map((i) => values[i]))
    }
  })

  it('refuses more elements than there are', () => {
    expect(() => topK(tensor(device, [1, 2, 3]), { k: 4 })).toThrow(ShapeError)
  })
})

describe('argMax and argMin', () => {
  it('find NaN before anything else', async () => {
    const x = tensor(device, [1, Number.POSITIVE_INFINITY, Number.NaN, Number.NEGATIVE_INFINITY, Number.NaN])
    expect(await argMax(x).item()).toBe(2)
    expect(await argMin(x).item()).toBe(2)
  })

  it('find infinities', async () => {
    const x = tensor(device, [1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])
    expect(await argMax(x).item()).toBe(2)
    expect(await argMin(x).item()).toBe(1)
  })

  it('refuse an empty axis', () => {
    expect(() => argMax(tensor(device, [], [2, 0]))).toThrow(ShapeError)
  })
})

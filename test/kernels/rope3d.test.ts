/** Rotary positions: known values of the table, and what the cases do not say. */
import { describe, expect, it } from 'vitest'
import { tensor } from '../../src/engine/index.js'
import { rope3d, ropeAngles3d, ropeTable3d } from '../../src/kernels/rope3d/index.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

describe('the table of Primus-M', () => {
  const table = ropeAngles3d({ grid: [24, 24, 24], headDim: 72 })
  const row = (token: number) => (column: number) => table[token * 144 + column]

  // reference/colipri.md 1.3, from timm's own table.
  it.each([
    [0, [0, 0, 0, 0, 0, 0]],
    [1, [0, 0, 0, 0, 0.841471, 0.447671]],
    [24, [0, 0, 0.841471, 0.447671, 0, 0]],
    [576, [0.841471, 0.447671, 0, 0, 0, 0]],
    [13823, [-0.84622, -0.949261, -0.84622, -0.949261, -0.84622, -0.949261]],
  ])('sines of token %i', (token, sines) => {
    for (const [i, column] of [0, 2, 24, 26, 48, 50].entries()) {
      expect(row(token)(column)).toBeCloseTo(sines[i]!, 5)
      expect(row(token)(column + 1)).toBe(row(token)(column))
    }
  })

  it('cosines', () => {
    expect(row(576)(72)).toBeCloseTo(0.540302, 5)
    expect(row(576)(74)).toBeCloseTo(0.894198, 5)
    expect(row(13823)(72)).toBeCloseTo(-0.532833, 5)
    expect(row(13823)(74)).toBeCloseTo(-0.31449, 5)
  })

  it('is the same on the device', async () => {
    const small = ropeTable3d(device, { grid: [1, 2, 1], headDim: 6 })
    expect(small.shape).toEqual([2, 12])
    expect(await small.data()).toEqual(ropeAngles3d({ grid: [1, 2, 1], headDim: 6 }))
  })
})

it('turns pairs and keeps their length', async () => {
  const table = ropeTable3d(device, { grid: [1, 1, 2], headDim: 6 })
  const x = tensor(device, [1, 0, 1, 0, 1, 0, 3, 4, 3, 4, 3, 4], [1, 2, 1, 6])
  const y = await rope3d(x, table).data()
  expect([...y].slice(0, 6)).toEqual([1, 0, 1, 0, 1, 0])
  const [c, s] = [Math.cos(1), Math.sin(1)]
  const want = [3, 4, 3, 4, 3 * c - 4 * s, 4 * c + 3 * s]
  for (const [i, value] of want.entries()) expect(y[6 + i]).toBeCloseTo(value, 6)
})

it('says what is wrong', () => {
  expect(() => ropeTable3d(device, { grid: [1, 1, 1], headDim: 64 })).toThrow(/multiple of 6, got 64/)
  const x = tensor(device, new Array(12).fill(0), [1, 2, 1, 6])
  expect(() => rope3d(x, ropeTable3d(device, { grid: [1, 1, 3], headDim: 6 }))).toThrow(
    'rope3d: x [1, 2, 1, 6] and table [3, 12] are not [B, T, H, hd] with hd even, and [T, 2 hd] or [B, T, 2 hd]',
  )
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tensor, zeros } from '../../src/engine/index.js'
import { blendWindow } from '../../src/kernels/blend/index.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()
const count = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1)
const side = fc.integer({ min: 1, max: 4 })
const triple = fc.tuple(side, side, side)

describe('blendWindow', () => {
  it('adds weighted windows where they lie and nowhere else', async () => {
    const places = fc.record({ window: triple, before: triple, after: triple, channels: side, sample: fc.nat(1) })
    await fc.assert(
      fc.asyncProperty(places, async ({ window, before, after, channels, sample }) => {
        const size = window.map((extent, axis) => before[axis]! - 1 + extent + after[axis]! - 1)
        const start = before.map((extent) => extent - 1) as [number, number, number]
        const values = Float32Array.from({ length: count(window) * channels }, (_, n) => n + 1)
        const weights = Float32Array.from({ length: count(window) }, (_, n) => 1 / (n + 1))
        using sums = zeros(device, [2, ...size, channels])
        using own = tensor(device, values, [...window, channels])
        using weight = tensor(device, weights, window)
        const want = new Float32Array(sums.size)
        for (let repeat = 0; repeat < 2; repeat++) blendWindow(sums, own, weight, { sample, start })
        for (let n = 0; n < values.length; n++) {
          const voxel = Math.floor(n / channels)
          const k = voxel % window[2]
          const j = Math.floor(voxel / window[2]) % window[1]
          const i = Math.floor(voxel / window[2] / window[1])
          const [x, y, z] = [i + start[0], j + start[1], k + start[2]]
          const place = ((sample * size[0]! + x) * size[1]! + y) * size[2]! + z
          want[place * channels + (n % channels)] = 2 * weights[voxel]! * values[n]!
        }
        const got = await sums.data()
        for (const [n, value] of want.entries()) expect(got[n]).toBeCloseTo(value, 4)
      }),
      { numRuns: 20 },
    )
  })

  it('refuses a window that reaches beyond the sums', () => {
    using sums = zeros(device, [1, 2, 2, 2, 1])
    using values = zeros(device, [2, 1, 1, 1])
    using weights = zeros(device, [2, 1, 1])
    expect(() => blendWindow(sums, values, weights, { sample: 0, start: [1, 0, 0] })).toThrow(/do not lie in/)
    expect(() => blendWindow(sums, values, weights, { sample: 1, start: [0, 0, 0] })).toThrow(/do not lie in/)
  })
})

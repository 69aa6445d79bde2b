import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { partition, planWindows, relativePositionIndex, shiftRegions } from '../../../src/models/velvet/windows.js'

const side = fc.integer({ min: 1, max: 9 })

describe('planWindows', () => {
  it('puts every voxel in exactly one place, and nothing else but padding', () => {
    fc.assert(
      fc.property(side, side, side, fc.integer({ min: 2, max: 5 }), fc.boolean(), (a, b, c, window, shifted) => {
        const plan = planWindows([a, b, c], window, shifted)
        const voxels = [...plan.source].filter((voxel) => voxel >= 0).sort((x, y) => x - y)
        expect(voxels).toEqual(Array.from({ length: a * b * c }, (_, n) => n))
        for (const [voxel, place] of plan.target.entries()) expect(plan.source[place]).toBe(voxel)
        expect(plan.source).toHaveLength(plan.windows * plan.tokensPerWindow)
      }),
      { numRuns: 60 },
    )
  })

  it('cuts a window to a small axis, which then is not shifted', () => {
    const plan = planWindows([6, 12, 7], 7, true)
    expect(plan.window).toEqual([6, 7, 7])
    expect(plan.shift).toEqual([0, 3, 0])
    expect(plan.padded).toEqual([6, 14, 7])
  })

  it('cuts only shifted axes into regions', () => {
    const axis = shiftRegions({ window: [7, 1, 1], shift: [3, 0, 0], padded: [14, 1, 1] })
    expect([...axis].map((region) => (region - 8) / 9)).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2])
    expect(planWindows([14, 14, 14], 7, false).regions).toBeUndefined()
  })

  it('masks as many pairs as the reference', () => {
    const { regions, windows, tokensPerWindow } = partition([14, 14, 14], {
      window: [7, 7, 7],
      shift: [3, 3, 3],
      padded: [14, 14, 14],
    })
    const masked = Array.from({ length: windows }, (_, w) => {
      const counts = new Map<number, number>()
      for (const id of regions!.subarray(w * tokensPerWindow, (w + 1) * tokensPerWindow)) {
        counts.set(id, (counts.get(id) ?? 0) + 1)
      }
      return tokensPerWindow ** 2 - [...counts.values()].reduce((sum, count) => sum + count ** 2, 0)
    })
    expect(masked).toEqual([0, 57624, 57624, 87024, 57624, 87024, 87024, 102024])
  })
})

describe('relativePositionIndex', () => {
  it('has the centre of the table on its diagonal', () => {
    const index = relativePositionIndex(7, 343)
    for (let token = 0; token < 343; token++) expect(index[token * 343 + token]).toBe(1098)
  })

  it('reads the corner of the full table for a smaller window', () => {
    const [full, small] = [relativePositionIndex(4, 64), relativePositionIndex(4, 27)]
    for (let i = 0; i < 27; i++) for (let j = 0; j < 27; j++) expect(small[i * 27 + j]).toBe(full[i * 64 + j])
  })
})

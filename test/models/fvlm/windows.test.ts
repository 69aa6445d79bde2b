import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutWindow, evaluationWindow, intactOrgans, organBoxes, organTokens } from '../../../src/models/index.js'

type Triple = readonly [number, number, number]

describe('evaluation windows', () => {
  it('follow the worked example of the published rule', () => {
    const box = { low: [30, 50, 40], high: [89, 379, 319] } as const
    const window = evaluationWindow(box, [120, 400, 360], [112, 288, 352], [16, 16, 32])
    expect(window).toEqual({ start: [3, 50, 3], end: [115, 379, 355], padded: [112, 336, 352] })
  })

  it('lie within the volume, are as large as it allows, and are padded by less than a patch', () => {
    const extent = fc.integer({ min: 1, max: 60 })
    const triple = fc.tuple(extent, extent, extent)
    fc.assert(
      fc.property(triple, triple, triple, triple, triple, (extents, a, b, least, patch) => {
        const inside = (point: Triple) => point.map((at, axis) => at % extents[axis]!) as unknown as Triple
        const [p, q] = [inside(a), inside(b)]
        const low = p.map((at, axis) => Math.min(at, q[axis]!)) as unknown as Triple
        const high = p.map((at, axis) => Math.max(at, q[axis]!)) as unknown as Triple
        const { start, end, padded } = evaluationWindow({ low, high }, extents, least, patch)
        for (const axis of [0, 1, 2] as const) {
          const size = Math.max(least[axis], high[axis] - low[axis])
          expect(start[axis]).toBeGreaterThanOrEqual(0)
          expect(end[axis]).toBeLessThanOrEqual(extents[axis])
          expect(end[axis] - start[axis]).toBe(Math.min(size, extents[axis]))
          expect(padded[axis] % patch[axis]).toBe(0)
          expect(padded[axis] - (end[axis] - start[axis])).toBeLessThan(patch[axis])
          // The anatomy is seen but for the last voxel that the published extent leaves out.
          expect(start[axis]).toBeLessThanOrEqual(low[axis])
          expect(end[axis]).toBeGreaterThanOrEqual(high[axis])
        }
      }),
    )
  })

  it('are cut with their voxels in place and zeros behind', () => {
    const values = Float32Array.from({ length: 2 * 3 * 4 }, (_, i) => i + 1)
    const cut = cutWindow(values, [2, 3, 4], { start: [1, 1, 0], end: [2, 3, 3], padded: [1, 3, 4] })
    expect([...cut]).toEqual([17, 18, 19, 0, 21, 22, 23, 0, 0, 0, 0, 0])
  })
})

describe('organs in a mask', () => {
  const extents = [2, 4, 4] as const
  const mask = () => new Uint8Array(32)

  it('have boxes, and none where they are absent', () => {
    const labels = mask()
    labels[(1 * 4 + 2) * 4 + 3] = 1
    labels[(0 * 4 + 1) * 4 + 3] = 1
    expect(organBoxes(labels, extents, 2)).toEqual([{ low: [0, 1, 3], high: [1, 2, 3] }, undefined])
  })

  it('own a patch of which any voxel is theirs', () => {
    const labels = mask()
    labels[(1 * 4 + 3) * 4 + 0] = 2
    const flags = organTokens({ labels, samples: 1, extents }, 2, [2, 2, 2])
    expect([...flags]).toEqual([0, 0, 0, 0, 0, 0, 1, 0])
  })

  it('are intact where they touch no face of the crop', () => {
    const labels = new Uint8Array(27)
    labels[13] = 1
    const cube = { labels, samples: 1, extents: [3, 3, 3] as const }
    expect([...intactOrgans(cube, 2)]).toEqual([1, 0])
    labels[14] = 1
    expect([...intactOrgans(cube, 2)]).toEqual([0, 0])
  })

  it('must fill whole patches', () => {
    expect(() => organTokens({ labels: mask(), samples: 1, extents }, 1, [2, 3, 2])).toThrow(/2 x 4 x 4/)
  })
})

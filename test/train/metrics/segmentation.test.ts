import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Triple } from '../../../src/data/geometry.js'
import { dice, segmentationScores, squaredDistances } from '../../../src/train/metrics/index.js'

const extent = fc.integer({ min: 1, max: 5 })
const mm = fc.double({ min: 0.3, max: 4, noNaN: true })
const masks = fc.tuple(extent, extent, extent).chain((shape) =>
  fc.record({
    shape: fc.constant(shape as Triple),
    spacingMm: fc.tuple(mm, mm, mm) as fc.Arbitrary<Triple>,
    a: fc.array(fc.integer({ min: 0, max: 1 }), {
      minLength: shape[0] * shape[1] * shape[2],
      maxLength: shape[0] * shape[1] * shape[2],
    }),
    b: fc.array(fc.integer({ min: 0, max: 1 }), {
      minLength: shape[0] * shape[1] * shape[2],
      maxLength: shape[0] * shape[1] * shape[2],
    }),
  }),
)

function places([depth, height, width]: Triple): Triple[] {
  const all: Triple[] = []
  for (let i = 0; i < depth; i++) for (let j = 0; j < height; j++) for (let k = 0; k < width; k++) all.push([i, j, k])
  return all
}

const distance = (p: Triple, q: Triple, spacing: Triple): number =>
  Math.hypot(...([0, 1, 2] as const).map((axis) => (p[axis] - q[axis]) * spacing[axis]))

test('distances are those of an exhaustive search', () => {
  fc.assert(
    fc.property(masks, ({ shape, spacingMm, a }) => {
      const all = places(shape)
      const set = all.filter((_, n) => a[n] === 1)
      const got = squaredDistances(Uint8Array.from(a), shape, spacingMm)
      for (const [n, place] of all.entries()) {
        const nearest = Math.min(...set.map((other) => distance(place, other, spacingMm)))
        if (set.length === 0) expect(got[n]).toBe(Number.POSITIVE_INFINITY)
        else expect(Math.sqrt(got[n]!)).toBeCloseTo(nearest, 9)
      }
    }),
  )
})

test('surface measures are those of an exhaustive search', () => {
  fc.assert(
    fc.property(masks, mm, ({ shape, spacingMm, a, b }, toleranceMm) => {
      const all = places(shape)
      const surface = (mask: number[]) => {
        const has = ([i, j, k]: Triple) =>
          [i, j, k].every((at, axis) => at! >= 0 && at! < shape[axis]!) && mask[(i * shape[1] + j) * shape[2] + k] === 1
        const neighbours = ([i, j, k]: Triple): Triple[] => [
          ...([
            [i - 1, j, k],
            [i + 1, j, k],
            [i, j - 1, k],
            [i, j + 1, k],
            [i, j, k - 1],
            [i, j, k + 1],
          ] as Triple[]),
        ]
        return all.filter((place) => has(place) && !neighbours(place).every(has))
      }
      const [left, right] = [surface(a), surface(b)]
      const [scores] = segmentationScores(a, b, { shape, labels: [1], spacingMm, toleranceMm })
      if (left.length === 0 || right.length === 0) {
        expect(scores!.hd95Mm).toBeNaN()
        expect(scores!.surfaceDice).toBe(left.length + right.length === 0 ? Number.NaN : 0)
        return
      }
      const reach = (from: Triple[], to: Triple[]) =>
        from.map((p) => Math.min(...to.map((q) => distance(p, q, spacingMm))))
      const both = [...reach(left, right), ...reach(right, left)]
      // Distances that equal the tolerance but for rounding may fall on either side.
      fc.pre(both.every((one) => Math.abs(one - toleranceMm) > 1e-9))
      expect(scores!.surfaceDice).toBeCloseTo(both.filter((one) => one <= toleranceMm).length / both.length, 9)
      expect(scores!.meanSurfaceDistanceMm).toBeCloseTo(both.reduce((sum, one) => sum + one, 0) / both.length, 9)
    }),
  )
})

describe('known answers', () => {
  /** A box of ones in a grid of zeros. */
  const box = (shape: Triple, start: Triple, end: Triple) =>
    places(shape).map((place) => (place.every((at, axis) => at >= start[axis]! && at < end[axis]!) ? 1 : 0))

  test('a box moved by two voxels of 1.5 mm', () => {
    const shape: Triple = [12, 8, 8]
    const [a, b] = [box(shape, [1, 2, 2], [7, 6, 6]), box(shape, [3, 2, 2], [9, 6, 6])]
    const [scores] = segmentationScores(a, b, { shape, labels: [1], spacingMm: [1.5, 1, 1], toleranceMm: 3 })
    expect(scores).toMatchObject({ predictedVoxels: 96, truthVoxels: 96, sharedVoxels: 64, surfaceDice: 1 })
    expect(scores!.dice).toBeCloseTo(2 / 3, 12)
    expect(scores!.iou).toBe(0.5)
    expect(scores!.hd95Mm).toBe(3)
  })

  test('the grid around the masks changes nothing', () => {
    const tight = segmentationScores([1, 1, 1, 0], [0, 1, 1, 1], { shape: [4, 1, 1], labels: [1] })
    const wide = segmentationScores([0, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 0], { shape: [6, 1, 1], labels: [1] })
    expect(wide).toEqual(tight)
  })

  test('a label on one side, on neither, and others in between', () => {
    const [missed, absent, found] = segmentationScores([0, 3, 3], [1, 3, 3], { shape: [3, 1, 1], labels: [1, 2, 3] })
    expect(missed).toMatchObject({ label: 1, dice: 0, iou: 0, surfaceDice: 0, hd95Mm: Number.NaN })
    expect(absent).toMatchObject({ label: 2, dice: Number.NaN, iou: Number.NaN, surfaceDice: Number.NaN })
    expect(found).toMatchObject({ label: 3, dice: 1, iou: 1, surfaceDice: 1, hd95Mm: 0 })
    expect(dice([0, 3, 3], [1, 3, 3], 3)).toBe(1)
  })

  test.each<[() => unknown, RegExp]>([
    [() => segmentationScores([1], [1, 0], { shape: [2, 1, 1], labels: [1] }), /2 x 1 x 1 voxels do not fit/],
    [() => segmentationScores([1], [1], { shape: [1, 1, 1], labels: [1], spacingMm: [1, 0, 1] }), /spacing 1, 0, 1/],
    [() => segmentationScores([1], [1], { shape: [1, 1, 1], labels: [1], toleranceMm: -1 }), /tolerance -1/],
    [() => dice([1], [1, 1]), /1 predicted and 2 true/],
  ])('%o is refused', (run, message) => expect(run).toThrow(message))
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cropOrPad, cutBox, padToAtLeast } from '../../src/data/crop.js'
import { DataError } from '../../src/data/errors.js'
import { cropForeground, foregroundBox } from '../../src/data/foreground.js'
import { applyAffine, invertAffine, type Triple } from '../../src/data/geometry.js'
import { reorient } from '../../src/data/orientation.js'
import { preprocess } from '../../src/data/preprocess/preprocess.js'
import { resampleToGrid } from '../../src/data/resample.js'
import { restoreGrid } from '../../src/data/restore.js'
import { contiguous, type Volume, volumeFromArray, voxelAt } from '../../src/data/volume.js'
import { affines, countingVolume, orientations, scalingAffine, voxelList } from './helpers.js'

const size = fc.integer({ min: 1, max: 8 })
const sizes = fc.tuple(size, size, size)
const codes = fc.constantFrom(...orientations)

describe('restoreGrid', () => {
  test('orientation, crop and pad are undone exactly, also through JSON', () => {
    fc.assert(
      fc.property(sizes, sizes, sizes, codes, codes, affines, (shape, cut, least, first, second, affine) => {
        const scan = countingVolume(shape, affine)
        const steps = (volume: Volume) =>
          reorient(padToAtLeast(cropOrPad(reorient(volume, first), cut, -7), least, -7), second)
        const prepared = steps(scan)
        const back = restoreGrid(prepared, JSON.parse(JSON.stringify(prepared.history)), { outside: -9 })
        // JSON has no -0.
        expect([back.shape, back.affine]).toEqual([scan.shape, affine.map((value) => value + 0)])
        // What no crop removed is what it was.
        const values = voxelList(back)
        const kept = new Set(voxelList(prepared))
        voxelList(scan).forEach((value, n) => {
          expect(values[n]).toBe(kept.has(value) ? value : -9)
        })
      }),
      { numRuns: 100 },
    )
  })

  test('a mask drawn on the prepared volume comes back to the place it was drawn at', () => {
    const affine = [-0.7, 0.1, 0, 90, 0.1, 0.7, 0, -80, 0, 0, 1.5, -40, 0, 0, 0, 1]
    const scan = contiguous(countingVolume([40, 44, 24], affine), 'int16')
    const prepared = preprocess(scan, [
      { kind: 'orient', codes: 'SAR' },
      { kind: 'resample', spacingMm: [2, 2, 2] },
      { kind: 'cropOrPad', size: [20, 12, 14], value: -1 },
    ])
    const mask = new Uint8Array(prepared.data.length)
    mask.fill(0)
    const chosen: Triple = [9, 5, 6]
    mask[(chosen[0] * prepared.shape[1] + chosen[1]) * prepared.shape[2] + chosen[2]] = 3
    const back = restoreGrid({ ...prepared, data: mask }, prepared.history, { interpolation: 'nearest' })
    expect([back.shape, back.affine, back.data.constructor]).toEqual([scan.shape, scan.affine, Uint8Array])
    const place = applyAffine(prepared.affine, chosen)
    const marked = voxelList(back).flatMap((value, n) => (value === 3 ? [n] : []))
    expect(marked.length).toBeGreaterThan(1)
    for (const n of marked) {
      const index: Triple = [Math.floor(n / (44 * 24)), Math.floor(n / 24) % 44, n % 24]
      const offset = applyAffine(affine, index).map((mm, axis) => mm - place[axis]!)
      // Half the diagonal of a voxel of 2 mm.
      expect(Math.hypot(...offset)).toBeLessThan(Math.sqrt(3) + 1e-9)
    }
  })

  test('a volume without a history is where it was', () => {
    const scan = countingVolume([2, 3, 4])
    expect(restoreGrid(scan)).toMatchObject({ shape: [2, 3, 4], affine: scan.affine, history: [] })
  })

  test('a volume of another shape is refused', () => {
    const prepared = cropOrPad(countingVolume([4, 4, 4]), [2, 2, 2], 0)
    expect(() => restoreGrid(countingVolume([4, 4, 4]), prepared.history)).toThrow(/4 x 4 x 4 voxels, not 2 x 2 x 2/)
  })

  test('intensity steps leave no trace in the history', () => {
    const prepared = preprocess(countingVolume([4, 4, 4]), [
      { kind: 'clamp', min: 0, max: 5 },
      { kind: 'scale', from: [0, 5], to: [0, 1] },
    ])
    expect(prepared.history).toBeUndefined()
  })
})

describe('resampleToGrid', () => {
  test.each(['linear', 'nearest', 'cubic'] as const)('%s onto its own grid changes nothing', (interpolation) => {
    fc.assert(
      fc.property(sizes, affines, (shape, affine) => {
        const volume = contiguous(countingVolume(shape, affine), 'float64')
        const values = voxelList(volume)
        const got = voxelList(resampleToGrid(volume, volume, { interpolation }))
        // Places go through millimetres and back: 1e-9 voxels, on values that differ by one.
        got.forEach((value, n) => {
          expect(Math.abs(value - values[n]!)).toBeLessThan(1e-4)
        })
      }),
      { numRuns: 40 },
    )
  })

  test('each new voxel has the value at its place, oblique or not', () => {
    fc.assert(
      fc.property(affines, affines, fc.constantFrom('linear', 'cubic'), (from, to, interpolation) => {
        const inverse = invertAffine(from)
        const volume = contiguous(countingVolume([9, 9, 9], from), 'float64')
        for (const [n] of volume.data.entries()) {
          volume.data[n] = 2 * Math.floor(n / 81) - 3 * (Math.floor(n / 9) % 9) + 0.5 * (n % 9)
        }
        const outside = -100
        const result = resampleToGrid(volume, { shape: [5, 5, 5], affine: to }, { interpolation, outside })
        voxelList(result).forEach((value, n) => {
          const place = applyAffine(to, [Math.floor(n / 25), Math.floor(n / 5) % 5, n % 5])
          const at = applyAffine(inverse, place)
          if (at.some((index) => index < -0.5001 || index > 8.5001)) expect(value).toBe(outside)
          else if (at.every((index) => index > 1.001 && index < 6.999)) {
            expect(value).toBeCloseTo(2 * at[0] - 3 * at[1] + 0.5 * at[2], 3)
          }
        })
      }),
      { numRuns: 100 },
    )
  })

  test('labels go onto the grid of a scan', () => {
    const labels = volumeFromArray(Uint8Array.of(1, 2), [1, 1, 2], scalingAffine([4, 4, 4]))
    const grid = { shape: [1, 1, 5] as Triple, affine: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, -4, 0, 0, 0, 1] }
    expect(resampleToGrid(labels, grid, { interpolation: 'nearest', outside: 9 }).data).toEqual(
      Uint8Array.of(9, 1, 1, 2, 2),
    )
  })

  test.each<[string, Triple, number[], number | undefined]>([
    ['no voxels', [0, 1, 1], scalingAffine([1, 1, 1]), undefined],
    ['a flat grid', [1, 1, 1], [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], undefined],
    ['too many voxels', [1e5, 1e5, 1e5], scalingAffine([1, 1, 1]), undefined],
    ['a value that does not fit', [1, 1, 1], scalingAffine([1, 1, 1]), 1e6],
  ])('refuses %s', (_, shape, affine, outside) => {
    const options = { interpolation: 'nearest', ...(outside === undefined ? {} : { outside }) } as const
    expect(() => resampleToGrid(countingVolume([2, 2, 2]), { shape, affine }, options)).toThrow(DataError)
  })
})

describe('foreground', () => {
  /** Two voxels at (2, 3, 4) and (3, 3, 6) of 8 x 8 x 8. */
  const volume = countingVolume([8, 8, 8])
  volume.data.fill(0)
  for (const [i, j, k] of [
    [2, 3, 4],
    [3, 3, 6],
  ] as const)
    volume.data[(i * 8 + j) * 8 + k] = 5

  test('monai: from the first to the last voxel', () => {
    expect(foregroundBox(volume)).toEqual({ first: [2, 3, 4], size: [2, 1, 3] })
    expect(foregroundBox(volume, { margin: [3, 1, 9] })).toEqual({ first: [0, 2, 0], size: [7, 3, 8] })
    expect(foregroundBox(reorient(volume, 'SAR'))).toEqual({ first: [4, 3, 2], size: [3, 1, 2] })
  })

  test('fvlm: the upper margin is one voxel shorter', () => {
    expect(foregroundBox(volume, { margin: [1, 1, 1], rule: 'fvlm' })).toEqual({ first: [1, 2, 3], size: [3, 2, 4] })
    expect(() => foregroundBox(volume, { rule: 'fvlm' })).toThrow(/one voxel thin/)
  })

  test('crops, and moves the affine', () => {
    const cropped = cropForeground(volume)
    expect(voxelAt(cropped, 1, 0, 2)).toBe(5)
    expect(cropped.affine.filter((_, n) => n % 4 === 3)).toEqual([2, 3, 4, 1])
  })

  test('nothing above the threshold is an error', () => {
    expect(() => cropForeground(volume, { above: 5 })).toThrow(/no voxel is above 5/)
    expect(() => foregroundBox(volume, { margin: [-1, 0, 0] })).toThrow(DataError)
  })
})

test('cutBox fills what lies beyond the volume, even all of it', () => {
  const volume = countingVolume([2, 2, 2])
  expect(voxelList(cutBox(volume, { first: [-1, 0, 1], size: [2, 1, 2] }, -5))).toEqual([-5, -5, 1, -5])
  expect(voxelList(cutBox(volume, { first: [9, 9, 9], size: [1, 1, 1] }, -5))).toEqual([-5])
  expect(() => cutBox(volume, { first: [0.5, 0, 0], size: [1, 1, 1] })).toThrow(DataError)
})

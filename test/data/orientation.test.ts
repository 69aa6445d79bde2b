import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DataError } from '../../src/data/errors.js'
import { applyAffine } from '../../src/data/geometry.js'
import { axisCodes, reorient } from '../../src/data/orientation.js'
import { contiguous } from '../../src/data/volume.js'
import { affines, countingVolume, orientations, scalingAffine, voxelList } from './helpers.js'

function expectClose(got: readonly number[], expected: readonly number[]): void {
  for (const [n, value] of got.entries()) expect(value).toBeCloseTo(expected[n]!, 9)
}

describe('axisCodes', () => {
  test.each([
    ['RAS', scalingAffine([1, 1, 1])],
    ['LPS', [-0.7, 0, 0, 100, 0, -0.7, 0, 100, 0, 0, 1, 0, 0, 0, 0, 1]],
    ['SAR', [0, 0, 2, 0, 0, 2, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1]],
    ['PRS', [0, 1, 0, 10, -1, 0, 0, 20, 0, 0, 1, 30, 0, 0, 0, 1]],
    // Sheared: the second axis leans over to the first, and still is the one that runs forward.
    ['RAS', [1, 0.9, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]],
    // nearly 45 degrees about all axes: axis 1 points most strongly along S, axis 2 along A, axis 0 takes what is left.
    ['LIA', [-0.5852, 0.5048, -0.6346, 0, -0.5327, 0.3507, 0.7702, 0, -0.6113, -0.7888, -0.0637, 0, 0, 0, 0, 1]],
  ])('%s', (codes, affine) => {
    expect(axisCodes(affine)).toBe(codes)
  })

  test('refuses a singular affine', () => {
    expect(() => axisCodes(new Array(16).fill(0))).toThrow(DataError)
  })
})

describe('reorient', () => {
  test('gives the orientation asked for and keeps every value at its place in the body', () => {
    fc.assert(
      fc.property(affines, fc.constantFrom(...orientations), (affine, codes) => {
        const volume = countingVolume([2, 3, 4], affine)
        const turned = reorient(volume, codes)
        expect(turned.data).toBe(volume.data)
        expect(axisCodes(turned.affine)).toBe(codes)
        const places = new Map<number, number[]>()
        const note = (v: typeof volume, visit: (value: number, mm: number[]) => void) => {
          const values = voxelList(v)
          values.forEach((value, n) => {
            const [i, rest] = [Math.floor(n / (v.shape[1] * v.shape[2])), n % (v.shape[1] * v.shape[2])]
            visit(value, applyAffine(v.affine, [i, Math.floor(rest / v.shape[2]), rest % v.shape[2]]))
          })
        }
        note(volume, (value, mm) => places.set(value, mm))
        note(turned, (value, mm) => expectClose(mm, places.get(value)!))
      }),
      { numRuns: 60 },
    )
  })

  test('round trips', () => {
    fc.assert(
      fc.property(affines, fc.constantFrom(...orientations), (affine, codes) => {
        const volume = countingVolume([3, 2, 4], affine)
        const back = reorient(reorient(volume, codes), axisCodes(affine))
        expect(contiguous(back).data).toEqual(volume.data)
        expectClose(back.affine, affine)
      }),
      { numRuns: 60 },
    )
  })

  test.each(['', 'RA', 'RASS', 'RAA', 'RLS', 'ras', 'XYZ'])("refuses '%s'", (codes) => {
    expect(() => reorient(countingVolume([2, 2, 2]), codes)).toThrow(DataError)
  })
})

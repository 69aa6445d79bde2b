import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cropOrPad, cropOrPadMargins } from '../../src/data/crop.js'
import { DataError } from '../../src/data/errors.js'
import { applyAffine, invertAffine, type Triple } from '../../src/data/geometry.js'
import { contiguous, voxelAt } from '../../src/data/volume.js'
import { affines, countingVolume, voxelList } from './helpers.js'

const size = fc.integer({ min: 1, max: 9 })
const sizes = fc.tuple(size, size, size)

test('every voxel of the result is the one at the same place, or padding', () => {
  fc.assert(
    fc.property(sizes, sizes, affines, (from, to, affine) => {
      const volume = countingVolume(from as Triple, affine)
      const result = cropOrPad(volume, to as Triple, -1)
      expect(result.shape).toEqual(to)
      const toSource = invertAffine(affine)
      voxelList(result).forEach((value, n) => {
        const index: Triple = [Math.floor(n / (to[1] * to[2])), Math.floor(n / to[2]) % to[1], n % to[2]]
        const source = applyAffine(toSource, applyAffine(result.affine, index)).map(Math.round) as Triple
        const inside = source.every((position, axis) => position >= 0 && position < from[axis]!)
        expect(value).toBe(inside ? voxelAt(volume, ...source) : -1)
      })
    }),
    { numRuns: 100 },
  )
})

test('the beginning gets the larger part of an odd difference, cropping and padding', () => {
  fc.assert(
    fc.property(size, size, (from, to) => {
      const { before, after } = cropOrPadMargins(from, to)
      expect(from + before + after).toBe(to)
      expect(Math.abs(before) - Math.abs(after)).toBe(Math.abs(to - from) % 2)
    }),
  )
})

test('cropping is a view', () => {
  const volume = countingVolume([4, 5, 6])
  expect(cropOrPad(volume, [2, 5, 3], 0).data).toBe(volume.data)
})

test('crops one axis while padding another', () => {
  const result = cropOrPad(countingVolume([1, 1, 3]), [1, 2, 2], 9)
  expect([...contiguous(result).data]).toEqual([9, 9, 1, 2])
})

test.each<[Triple, number]>([
  [[0, 1, 1], 0],
  [[1, 1.5, 1], 0],
  [[1, Number.NaN, 1], 0],
  [[5, 5, 5], 0.5],
  [[5, 5, 5], 40000],
  [[5, 5, 5], Number.NaN],
  [[2 ** 20, 2 ** 20, 2 ** 20], 0],
])('refuses size %j with value %d', (wanted, value) => {
  expect(() => cropOrPad(countingVolume([2, 2, 2]), wanted, value)).toThrow(DataError)
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DataError } from '../../src/data/errors.js'
import { applyAffine, invertAffine, multiplyAffines, type Triple } from '../../src/data/geometry.js'
import {
  contiguous,
  fortranOrderStrides,
  spacingMm,
  type Volume,
  validateVolume,
  volumeFromArray,
} from '../../src/data/volume.js'
import type { VoxelType } from '../../src/data/voxels.js'
import { affines, countingVolume, scalingAffine, voxelList } from './helpers.js'

const shapes = fc.tuple(
  fc.integer({ min: 1, max: 70 }),
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 1, max: 9 }),
)

describe('contiguous', () => {
  test('brings any permutation and flip of axes into C order', () => {
    const signs = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean())
    fc.assert(
      fc.property(shapes, fc.shuffledSubarray([0, 1, 2], { minLength: 3 }), signs, (shape, order, flips) => {
        const source = countingVolume(shape as Triple)
        const view: Volume = { ...source, shape: [...source.shape], strides: [...source.strides] }
        order.forEach((axis, n) => {
          const [size, stride] = [source.shape[axis]!, source.strides[axis]!]
          view.shape[n] = size
          view.strides[n] = flips[n] ? -stride : stride
          if (flips[n]) view.offset += (size - 1) * stride
        })
        const copy = contiguous(view)
        expect([...copy.data]).toEqual(voxelList(view))
        expect(copy.strides).toEqual([view.shape[1]! * view.shape[2]!, view.shape[2], 1])
      }),
      { numRuns: 50 },
    )
  })

  test('shares the data of a volume that is in C order', () => {
    const volume = countingVolume([2, 3, 4])
    expect(contiguous(volume).data).toBe(volume.data)
  })

  test('converts types, truncating toward zero', () => {
    const volume = volumeFromArray(new Float32Array([-1.9, -0.5, 0.5, 1.9]), [1, 2, 2], scalingAffine([1, 1, 1]))
    expect([...contiguous(volume, 'int16').data]).toEqual([-1, 0, 0, 1])
  })

  test('reads Fortran order', () => {
    const shape: Triple = [2, 3, 1]
    const volume = { ...countingVolume(shape), strides: fortranOrderStrides(shape) }
    expect([...contiguous(volume).data]).toEqual([0, 2, 4, 1, 3, 5])
  })
})

describe('validateVolume', () => {
  const good = countingVolume([2, 3, 4])
  test.each<[string, Partial<Volume>, RegExp]>([
    ['an axis without voxels', { shape: [0, 3, 4] }, /shape \(0, 3, 4\)/],
    ['a fraction of a voxel', { shape: [2, 2.5, 4] }, /shape/],
    ['voxels beyond the array', { shape: [3, 3, 4] }, /0 to 35 of an array with 24/],
    ['voxels before the array', { strides: [-12, 4, 1] }, /-12 to 11/],
    ['a NaN in the affine', { affine: good.affine.with(3, Number.NaN) }, /not finite/],
    ['parallel axes', { affine: [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] }, /singular/],
    ['an axis without length', { affine: scalingAffine([1, 0, 1]) }, /singular/],
    ['a perspective affine', { affine: good.affine.with(12, 1) }, /last row/],
    ['a short affine', { affine: [1, 2, 3] }, /3 numbers/],
    ['an array of another kind', { data: [] as unknown as Volume['data'] }, /typed array/],
  ])('refuses %s', (_, change, message) => {
    expect(() => validateVolume({ ...good, ...change })).toThrow(DataError)
    expect(() => validateVolume({ ...good, ...change })).toThrow(message)
  })

  test.each<VoxelType>(['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'float32', 'float64'])(
    'takes %s',
    (type) => {
      expect(() => validateVolume(contiguous(good, type))).not.toThrow()
    },
  )
})

test('volumeFromArray wants exactly as many voxels as the shape has', () => {
  expect(() => volumeFromArray(new Uint8Array(25), [2, 3, 4], scalingAffine([1, 1, 1]))).toThrow(/24 voxels.*25/)
})

test('affines: an inverse undoes, spacing is the length of a step', () => {
  fc.assert(
    fc.property(affines, (affine) => {
      const point: Triple = [12.5, -7, 300]
      const there = applyAffine(affine, point)
      applyAffine(invertAffine(affine), there).forEach((value, axis) => {
        expect(value).toBeCloseTo(point[axis]!, 9)
      })
      const identity = multiplyAffines(affine, invertAffine(affine))
      expect(identity[0]).toBeCloseTo(1, 9)
      const [x] = spacingMm({ affine })
      const step = applyAffine(affine, [1, 0, 0]).map((mm, row) => mm - affine[row * 4 + 3]!)
      expect(Math.hypot(...step)).toBeCloseTo(x, 9)
    }),
  )
})

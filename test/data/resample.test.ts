import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DataError } from '../../src/data/errors.js'
import { applyAffine, type Triple } from '../../src/data/geometry.js'
import { reorient } from '../../src/data/orientation.js'
import { type ResampleOptions, resampleToSpacing } from '../../src/data/resample.js'
import { parseSafetensors } from '../../src/data/safetensors.js'
import { contiguous, spacingMm, type Volume, volumeFromArray, voxelAt } from '../../src/data/volume.js'
import { affines, countingVolume, scalingAffine, voxelList } from './helpers.js'

const size = fc.integer({ min: 1, max: 9 })

/** A volume whose value is a linear function of the place in millimetres. */
function ramp(shape: Triple, affine: readonly number[]): Volume {
  const volume = contiguous(countingVolume(shape, affine), 'float64')
  voxelList(volume).forEach((_, n) => {
    const index: Triple = [Math.floor(n / (shape[1] * shape[2])), Math.floor(n / shape[2]) % shape[1], n % shape[2]]
    volume.data[n] = rampValue(applyAffine(affine, index))
  })
  return volume
}

function rampValue([x, y, z]: Triple): number {
  return 0.3 * x - 0.7 * y + 0.2 * z + 5
}

describe('linear interpolation', () => {
  test('reproduces a linear ramp, whatever the grid', () => {
    const spacing = fc.double({ min: 0.5, max: 4, noNaN: true })
    fc.assert(
      fc.property(fc.tuple(size, size, size), affines, fc.tuple(spacing, spacing, spacing), (shape, affine, target) => {
        const volume = ramp(shape as Triple, affine)
        const old = spacingMm(volume)
        fc.pre(shape.every((count, axis) => count === 1 || (count * old[axis]!) / target[axis]! >= 1))
        const result = resampleToSpacing(volume, target as Triple)
        spacingMm(result).forEach((mm, axis) => {
          expect(mm).toBeCloseTo(target[axis]!, 9)
        })
        const last = result.shape.map((count) => count - 1) as Triple
        const middle = rampValue(applyAffine(result.affine, last.map((n) => n / 2) as Triple))
        // Samples within the outermost old voxel centres are exact; beyond them the edge repeats.
        const values = voxelList(result)
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length
        expect(mean).toBeCloseTo(middle, 3)
        if (shape.every((count, axis) => count > 1 && target[axis]! >= old[axis]!)) {
          expect(voxelAt(result, ...last)).toBeCloseTo(rampValue(applyAffine(result.affine, last)), 3)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('does not depend on how the voxels lie in memory', () => {
    const volume = countingVolume([7, 6, 5], [0.8, 0, 0, 3, 0, 1.1, 0, 4, 0, 0, 2.5, 5, 0, 0, 0, 1])
    const view = reorient(reorient(volume, 'PSL'), 'RAS')
    const fortran = contiguous(reorient(volume, 'SAR'))
    const expected = resampleToSpacing(volume, [2, 2, 2])
    expect(resampleToSpacing(view, [2, 2, 2]).data).toEqual(expected.data)
    expect(resampleToSpacing(reorient(fortran, 'RAS'), [2, 2, 2]).data).toEqual(expected.data)
  })

  test('repeats the edge where new centres lie beyond old ones', () => {
    const volume = countingVolume([1, 1, 2], scalingAffine([1, 1, 5]))
    const result = resampleToSpacing(volume, [1, 1, 2]).data
    expect([...result]).toEqual([0, Math.fround(0.1), 0.5, Math.fround(0.9), 1])
  })

  test('does not touch a neighbour without weight', () => {
    const volume = volumeFromArray(new Float32Array([1, Number.NaN, 3]), [1, 1, 3], scalingAffine([1, 1, 1]))
    expect([...resampleToSpacing(volume, [1, 1, 1]).data]).toEqual([1, Number.NaN, 3])
  })
})

test('roundTowardZero keeps integers and truncates; floats stay floats', () => {
  const data = [-11, -4, 3, 10]
  const options: ResampleOptions = { roundTowardZero: true }
  const integers = volumeFromArray(new Int16Array(data), [1, 1, 4], scalingAffine([1, 1, 1]))
  const truncated = resampleToSpacing(integers, [1, 1, 1.3], options)
  expect(truncated.data).toEqual(Int16Array.of(-9, 0, 8))
  const floats = resampleToSpacing(contiguous(integers, 'float32'), [1, 1, 1.3], options)
  expect(floats.data).toBeInstanceOf(Float32Array)
  expect([...floats.data].map(Math.trunc)).toEqual([-9, -0, 8])
})

test('nearest copies values and keeps the type', () => {
  const labels = volumeFromArray(new Uint8Array([0, 7, 7, 200]), [1, 1, 4], scalingAffine([1, 1, 1]))
  expect(resampleToSpacing(labels, [1, 1, 0.5], { interpolation: 'nearest' }).data).toEqual(
    new Uint8Array([0, 0, 7, 7, 7, 7, 200, 200]),
  )
})

describe('antialias', () => {
  test('is the sampled Gaussian of the golden data to float32 rounding', () => {
    const folder = new URL('../golden/cases/preprocess/', import.meta.url)
    for (const name of ['las', 'rpi', 'lps', 'pir', 'oblique', 'onemm', 'upsample']) {
      const file = parseSafetensors(new Uint8Array(readFileSync(new URL(`${name}.safetensors`, folder))))
      const affine = [...(file.read('input.affine').data as Float64Array)]
      const { data, shape } = file.read('input.volume')
      const volume = reorient(volumeFromArray(data as Float32Array, shape as Triple, affine), 'SAR')
      const target: Triple = name === 'onemm' ? [1, 1, 1] : [2, 2, 2]
      const result = resampleToSpacing(volume, target, { antialias: 'sampled-gaussian' })
      const expected = file.read('output.resampled_antialias').data as Float32Array
      const error = Math.max(...expected.map((value, n) => Math.abs(value - result.data[n]!)))
      // Two float32 steps at 1000 HU.
      expect(error).toBeLessThanOrEqual(1.25e-4)
    }
  })

  test('leaves a constant alone', () => {
    const constant = volumeFromArray(new Int16Array(1000).fill(-1000), [10, 10, 10], scalingAffine([0.7, 0.7, 1]))
    const result = resampleToSpacing(constant, [2, 2, 2], { antialias: 'sampled-gaussian' })
    expect(new Set(result.data)).toEqual(new Set([-1000]))
  })
})

test.each<[string, Triple, ResampleOptions]>([
  ['a spacing of zero', [2, 0, 2], {}],
  ['a negative spacing', [2, -1, 2], {}],
  ['NaN', [2, Number.NaN, 2], {}],
  ['infinity', [2, Number.POSITIVE_INFINITY, 2], {}],
  ['voxels longer than the volume', [2, 2, 50], {}],
  ['a spacing that must be metres', [1e-6, 1e-6, 1e-6], {}],
  ['smoothed labels', [2, 2, 2], { interpolation: 'nearest', antialias: 'sampled-gaussian' }],
])('refuses %s', (_, target, options) => {
  expect(() => resampleToSpacing(countingVolume([4, 4, 4]), target, options)).toThrow(DataError)
})

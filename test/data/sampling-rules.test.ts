import { describe, expect, test } from 'vitest'
import { linearPositions, nearestTable } from '../../src/data/axis-tables.js'
import { resampleToSpacing } from '../../src/data/resample.js'
import { roundHalfEven, sampledGrid } from '../../src/data/sampling-rules.js'
import { volumeFromArray } from '../../src/data/volume.js'
import { countingVolume, scalingAffine, voxelList } from './helpers.js'

describe('monai', () => {
  test('sizes round half to even, and the first voxel stays', () => {
    expect([-0.5, 0.5, 1.5, 2.5, 2.4, 2.6].map((value) => roundHalfEven(value) + 0)).toEqual([0, 0, 2, 2, 2, 3])
    // (n - 1) x old / new + 1 is 2.5, 3.5 and 4.
    const grid = sampledGrid('monai', { shape: [4, 6, 4], affine: scalingAffine([1, 1, 1]) }, [2, 2, 1])
    expect(grid.shape).toEqual([2, 4, 4])
    expect(grid.affine).toEqual([2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])
  })

  test('halving the spacing keeps the voxels and puts means between them', () => {
    const volume = countingVolume([1, 1, 48], scalingAffine([1, 1, 1]))
    const result = resampleToSpacing(volume, [1, 1, 0.5], { rule: 'monai' })
    expect(result.shape).toEqual([1, 1, 95])
    expect(voxelList(result)).toEqual(Array.from({ length: 95 }, (_, n) => n / 2))
  })

  test('beyond the last voxel its value repeats', () => {
    const volume = countingVolume([1, 1, 3], scalingAffine([1, 1, 1]))
    expect(voxelList(resampleToSpacing(volume, [1, 1, 0.8], { rule: 'monai' }))).toEqual(
      [0, 0.8, 1.6, 2].map(Math.fround),
    )
  })
})

describe('fvlm', () => {
  test('sizes are truncated from float32 spacings, those of the first axes exchanged', () => {
    const sizes = (shape: [number, number, number], spacing: [number, number, number]) =>
      sampledGrid('fvlm', { shape, affine: scalingAffine(spacing) }, [1, 1, 3]).shape
    expect(sizes([100, 100, 10], [0.7, 0.7, 3])).toEqual([69, 69, 10])
    expect(sizes([50, 50, 20], [0.6, 0.9, 2])).toEqual([44, 30, 13])
  })

  test('the new voxels cover the old ones', () => {
    const { affine, shape } = sampledGrid('fvlm', { shape: [5, 5, 7], affine: scalingAffine([0.5, 0.5, 1]) }, [1, 1, 3])
    expect(shape).toEqual([2, 2, 2])
    expect(affine[0]! * 2).toBeCloseTo(2.5, 12)
    // The outer faces meet: half a voxel before the first centre.
    expect(affine[3]! - affine[0]! / 2).toBeCloseTo(-0.25, 12)
    expect(affine[11]! - affine[10]! / 2).toBeCloseTo(-0.5, 12)
  })

  test('nearest takes the voxel at float32(n) x float32(in / out), as single precision rounds it', () => {
    const picked = (from: number, to: number) => [
      ...nearestTable({ size: to, firstIndex: 0, step: from / to }, 'fvlm', from, 1).below,
    ]
    expect(picked(10, 5)).toEqual([0, 2, 4, 6, 8])
    const exact = Array.from({ length: 322 }, (_, n) => Math.floor((n * 392) / 322))
    const differing = picked(392, 322).flatMap((voxel, n) => (voxel === exact[n] ? [] : [n]))
    expect(differing.length).toBeGreaterThan(0)
    expect(differing.every((n) => (n * 392) % 322 === 0)).toBe(true)
  })

  test('linear positions are single precision', () => {
    const positions = linearPositions({ size: 3, firstIndex: 0.5 / 0.3 - 0.5, step: 1 / 0.3 }, 'fvlm')
    expect([...positions]).toEqual([...positions].map(Math.fround))
  })
})

test('cubic passes through the voxels and is exact for parabolas', () => {
  const square = (x: number) => x * x
  const volume = volumeFromArray(
    Float64Array.from({ length: 20 }, (_, n) => square(n)),
    [1, 1, 20],
    scalingAffine([1, 1, 1]),
  )
  const result = resampleToSpacing(volume, [1, 1, 0.25], { rule: 'monai', interpolation: 'cubic' })
  const values = voxelList(result)
  // Near the ends the repeated edge enters.
  for (let n = 4; n < 72; n++) expect(values[n]).toBeCloseTo(square(n / 4), 3)
  expect(values.filter((_, n) => n % 4 === 0)).toEqual(voxelList(volume))
})

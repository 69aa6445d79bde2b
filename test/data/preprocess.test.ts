import { describe, expect, test } from 'vitest'
import { DataError } from '../../src/data/errors.js'
import { preprocess } from '../../src/data/preprocess/preprocess.js'
import { type PreprocessStep, parsePreprocessSteps } from '../../src/data/preprocess/steps.js'
import { spacingMm, volumeFromArray } from '../../src/data/volume.js'
import { countingVolume, scalingAffine, voxelList } from './helpers.js'

const steps: PreprocessStep[] = [
  { kind: 'orient', codes: 'SAR' },
  { kind: 'resample', spacingMm: [2, 2, 2], roundTowardZero: true },
  { kind: 'clamp', min: -1000, max: 1000 },
  { kind: 'scale', from: [-1000, 1000], to: [-1, 1] },
  { kind: 'cropOrPad', size: [6, 6, 6], value: -1 },
]

test('steps survive JSON', () => {
  expect(parsePreprocessSteps(JSON.parse(JSON.stringify(steps)))).toEqual(steps)
})

test('gives float32 in C order with the affine of the result, and leaves the input alone', () => {
  const volume = countingVolume([8, 8, 8], scalingAffine([1, 1, 1]))
  const result = preprocess(volume, steps)
  expect(result.data).toBeInstanceOf(Float32Array)
  expect([result.shape, result.strides, result.offset]).toEqual([[6, 6, 6], [36, 6, 1], 0])
  expect(spacingMm(result)).toEqual([2, 2, 2])
  // The middle of the volume stays where it was.
  expect(result.affine[3]! + 2.5 * result.affine[2]!).toBeCloseTo(3.5, 12)
  expect(volume).toEqual(countingVolume([8, 8, 8], scalingAffine([1, 1, 1])))
})

test('no steps only convert', () => {
  expect(voxelList(preprocess(countingVolume([1, 2, 2]), []))).toEqual([0, 1, 2, 3])
})

test('integers stay integers through a clamp only where they can', () => {
  const volume = volumeFromArray(new Uint8Array([0, 100, 255]), [1, 1, 3], scalingAffine([1, 1, 1]))
  const clamped = (min: number, max: number) => [...preprocess(volume, [{ kind: 'clamp', min, max }]).data]
  expect(clamped(-1000, 200)).toEqual([0, 100, 200])
  expect(clamped(300, 400)).toEqual([300, 300, 300])
  expect(clamped(0.5, 1000)).toEqual([0.5, 100, 255])
})

test('scaling maps one interval to the other', () => {
  const volume = volumeFromArray(new Int16Array([-1150, -400, 350]), [1, 1, 3], scalingAffine([1, 1, 1]))
  const result = preprocess(volume, [{ kind: 'scale', from: [-1150, 350], to: [0, 1] }])
  voxelList(result).forEach((value, n) => {
    expect(value).toBeCloseTo([0, 0.5, 1][n]!, 7)
  })
})

describe('refuses', () => {
  test.each<[unknown, RegExp]>([
    [[{ kind: 'resample', spacingMm: [2, Number.NaN, 2] }], /steps\[0\]\.spacingMm\[1\].*NaN/],
    [[{ kind: 'resample', spacingMm: [2, 0, 2] }], /steps\[0\]\.spacingMm\[1\]/],
    [[{ kind: 'resample', spacingMm: [2, 2] }], /steps\[0\]\.spacingMm/],
    [[{ kind: 'resample', spacingMm: [2, 2, 2], antialias: 'yes' }], /steps\[0\]\.antialias/],
    [[{ kind: 'orient', codes: 'RAL' }], /steps\[0\]\.codes/],
    [[{ kind: 'clamp', min: 1, max: -1 }], /steps\[0\]\.min.*must not exceed/],
    [[{ kind: 'scale', from: [1, 1], to: [0, 1] }], /steps\[0\]\.from.*must differ/],
    [[{ kind: 'cropOrPad', size: [1, 2, -3], value: 0 }], /steps\[0\]\.size\[2\]/],
    [[{ kind: 'cropOrPad', size: [1, 2, 3] }], /steps\[0\]\.value/],
    [[{ kind: 'blur' }], /steps\[0\]\.kind/],
    [[{ kind: 'orient', codes: 'RAS', extra: 1 }], /extra/],
    ['orient', /steps: /],
  ])('%j', (wrong, message) => {
    expect(() => preprocess(countingVolume([2, 2, 2]), wrong as PreprocessStep[])).toThrow(DataError)
    expect(() => preprocess(countingVolume([2, 2, 2]), wrong as PreprocessStep[])).toThrow(message)
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DataError } from '../../src/data/errors.js'
import { preprocess } from '../../src/data/preprocess/preprocess.js'
import {
  invertPreprocess,
  type PreprocessRecord,
  parsePreprocessRecord,
  preprocessRecorded,
  replayPreprocess,
} from '../../src/data/preprocess/record.js'
import type { PreprocessStep } from '../../src/data/preprocess/steps.js'
import { RandomStream } from '../../src/data/random.js'
import { type Volume, volumeFromArray } from '../../src/data/volume.js'
import { sameBytes, scalingAffine, voxelList } from './helpers.js'

/** HU between -1100 and 900, on an oblique grid. */
function scan(shape: [number, number, number] = [7, 6, 9]): Volume {
  const random = new RandomStream(5, 1)
  const data = Int16Array.from({ length: shape[0] * shape[1] * shape[2] }, () => random.uniform(-1100, 900))
  return volumeFromArray(data, shape, [0.1, -1.4, 0, 5, 0.9, 0.1, 0.2, -7, 0, 0.3, -2.1, 11, 0, 0, 0, 1])
}

const throughJson = (record: PreprocessRecord) => JSON.parse(JSON.stringify(record)) as PreprocessRecord

const geometry: fc.Arbitrary<PreprocessStep> = fc.oneof(
  fc.constantFrom('RAS', 'SAR', 'LPI', 'AIL').map((codes) => ({ kind: 'orient' as const, codes })),
  fc.record({
    kind: fc.constant('resample' as const),
    spacingMm: fc.tuple(fc.constantFrom(1, 1.7), fc.constantFrom(0.8, 2), fc.constantFrom(1.1, 2)),
    interpolation: fc.constantFrom('linear' as const, 'nearest' as const, 'cubic' as const),
    rule: fc.constantFrom('torchio' as const, 'monai' as const),
  }),
  fc.record({
    kind: fc.constantFrom('cropOrPad' as const, 'padToAtLeast' as const),
    size: fc.tuple(fc.integer({ min: 3, max: 9 }), fc.integer({ min: 3, max: 9 }), fc.integer({ min: 3, max: 9 })),
    value: fc.constantFrom(-1000, 0),
  }),
)
const values: fc.Arbitrary<PreprocessStep> = fc.constantFrom<PreprocessStep>(
  { kind: 'clamp', min: -1000, max: 800 },
  { kind: 'scale', from: [-1000, 1000], to: [-1, 1] },
  { kind: 'normalize' },
  { kind: 'normalize', percentiles: [5, 95] },
  { kind: 'windowPreset', preset: 'lung' },
)

test('a record replays to the last bit, through JSON', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(geometry, values), { maxLength: 5 }), (steps) => {
      const volume = scan()
      let prepared: ReturnType<typeof preprocessRecorded>
      try {
        prepared = preprocessRecorded(volume, steps)
      } catch (error) {
        // A window may leave one value, which cannot be normalised.
        if (error instanceof DataError) return
        throw error
      }
      const replayed = replayPreprocess(volume, throughJson(prepared.record))
      expect(sameBytes(replayed.data, prepared.volume.data)).toBe(true)
      expect(sameBytes(preprocess(volume, steps).data, prepared.volume.data)).toBe(true)
      expect(replayed.affine).toEqual(prepared.volume.affine)
    }),
    { numRuns: 60 },
  )
})

test('measured steps are written out: a foreground box and a normalisation', () => {
  const data = new Int16Array(5 * 5 * 5)
  data[2 * 25 + 2 * 5 + 1] = 30
  data[2 * 25 + 3 * 5 + 3] = 90
  const { record, volume } = preprocessRecorded(volumeFromArray(data, [5, 5, 5], scalingAffine([1, 1, 1])), [
    { kind: 'cropForeground' },
    { kind: 'normalize', above: 0 },
  ])
  expect(record.steps).toEqual([
    { kind: 'box', first: [2, 2, 1], size: [1, 2, 3], value: 0 },
    { kind: 'linear', slope: 1 / 30, intercept: -2 },
  ])
  expect(voxelList(volume)).toEqual([-1, -2, -2, -2, -2, 1])
})

describe('inversion', () => {
  const exact: PreprocessStep[] = [
    { kind: 'orient', codes: 'SAR' },
    { kind: 'padToAtLeast', size: [8, 8, 8], value: -1000 },
    { kind: 'scale', from: [-1000, 1000], to: [-1, 1] },
  ]

  test('gives back the scan where nothing was lost', () => {
    const volume = scan()
    const { volume: prepared, record } = preprocessRecorded(volume, exact)
    const back = invertPreprocess(prepared, throughJson(record))
    expect([back.shape, back.affine, back.history]).toEqual([volume.shape, volume.affine, []])
    const scanValues = voxelList(volume)
    // Scaled values are float32 near 1.
    for (const [n, value] of voxelList(back).entries()) expect(Math.abs(value - scanValues[n]!)).toBeLessThan(1e-4)
  })

  test('keeps the values of a result on request', () => {
    const { volume: prepared, record } = preprocessRecorded(scan(), exact)
    const mask = { ...prepared, data: prepared.data.map((value) => Number(value > 0)) }
    const back = invertPreprocess(mask, record, { values: false })
    const marked = voxelList(scan()).map((value) => Number(value > 0))
    expect(voxelList(back)).toEqual(marked)
  })

  test('fills what a crop took away, and resamples to the same grid', () => {
    const steps: PreprocessStep[] = [
      { kind: 'resample', spacingMm: [2, 2, 2] },
      { kind: 'cropOrPad', size: [2, 2, 2], value: 0 },
      { kind: 'clamp', min: -900, max: 0 },
    ]
    const volume = scan()
    const { volume: prepared, record } = preprocessRecorded(volume, steps)
    const back = invertPreprocess(prepared, record, { outside: -5000 })
    expect([back.shape, back.affine]).toEqual([volume.shape, volume.affine])
    expect(Math.min(...back.data)).toBe(-5000)
  })
})

describe('refuses', () => {
  const { record } = preprocessRecorded(scan(), [{ kind: 'orient', codes: 'RAS' }])

  test.each<[string, unknown, RegExp]>([
    ['another version', { ...record, version: 2 }, /record\.version/],
    ['steps that measure', { ...record, steps: [{ kind: 'normalize' }] }, /written out/],
    ['a grid too few', { ...record, grids: [] }, /one grid for each geometric step/],
    ['what is no record', 7, /record/],
  ])('%s', (_, value, message) => {
    expect(() => parsePreprocessRecord(value)).toThrow(DataError)
    expect(() => parsePreprocessRecord(value)).toThrow(message)
  })

  test('a scan on another grid, of another shape or type', () => {
    const volume = scan()
    expect(() => replayPreprocess(scan([7, 6, 8]), record)).toThrow(/7 x 6 x 8/)
    expect(() => replayPreprocess({ ...volume, affine: volume.affine.with(3, 0) }, record)).toThrow(/lies elsewhere/)
    expect(() => replayPreprocess({ ...volume, data: Float32Array.from(volume.data) }, record)).toThrow(/int16/)
  })

  test('normalising what has one value', () => {
    const flat = volumeFromArray(new Float32Array(8).fill(3), [2, 2, 2], scalingAffine([1, 1, 1]))
    expect(() => preprocess(flat, [{ kind: 'normalize' }])).toThrow(/standard deviation of 0/)
    expect(() => preprocess(flat, [{ kind: 'normalize', above: 4 }])).toThrow(/No voxel is above 4/)
  })
})

test('a window is 0 at its lower end and 1 at its upper', () => {
  const volume = volumeFromArray(new Int16Array([-2000, -1350, -600, 150, 400]), [1, 1, 5], scalingAffine([1, 1, 1]))
  const shown = voxelList(preprocess(volume, [{ kind: 'windowPreset', preset: 'lung' }]))
  for (const [n, value] of [0, 0, 0.5, 1, 1].entries()) expect(shown[n]).toBeCloseTo(value, 6)
  expect(shown).toEqual(voxelList(preprocess(volume, [{ kind: 'window', center: -600, width: 1500 }])))
})

test('percentiles are those of NumPy: linear between neighbours', () => {
  const volume = volumeFromArray(new Float32Array([4, 1, 3, 2, 1000]), [1, 1, 5], scalingAffine([1, 1, 1]))
  // The 10th and 80th percentile of 1, 2, 3, 4, 1000 are 1.4 and 203.2: 2, 3 and 4 count.
  const values = voxelList(preprocess(volume, [{ kind: 'normalize', percentiles: [10, 80] }]))
  const deviation = Math.sqrt(2 / 3)
  for (const [n, value] of [4, 1, 3, 2, 1000].entries()) expect(values[n]).toBeCloseTo((value - 3) / deviation, 3)
})

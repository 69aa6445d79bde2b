/** Preprocessing on the device against the CPU path, for every rule and interpolation. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Grid,
  type PreprocessStep,
  planPreprocess,
  planResampleToGrid,
  preprocess,
  RandomStream,
  reorient,
  resampleToGrid,
  restoreGrid,
  type Volume,
  volumeFromArray,
} from '../../src/data/index.js'
import { colipriPreprocessing, colipriPublished, runDevicePlan } from '../../src/models/index.js'
import { largestError } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

type Triple = [number, number, number]

const straight = [0, 0.8, 0, 5, -1.4, 0, 0, -7, 0, 0, -2.5, 11, 0, 0, 0, 1]
const oblique = [0.1, -1.4, 0, 5, 0.9, 0.1, 0.2, -7, 0, 0.3, -2.1, 11, 0, 0, 0, 1]

/** HU between -1000 and 1000. In file order, so that the device has to turn it. */
function scan(shape: Triple, affine: number[], type: 'int16' | 'float32' = 'int16'): Volume {
  const random = new RandomStream(3, 2)
  const values = Array.from({ length: shape[0] * shape[1] * shape[2] }, () => random.uniform(-1000, 1000))
  const data = type === 'int16' ? Int16Array.from(values) : Float32Array.from(values)
  return { ...volumeFromArray(data, shape, affine), strides: [1, shape[0], shape[0] * shape[1]] }
}

async function onDevice(plan: ReturnType<typeof planPreprocess>) {
  const result = runDevicePlan(device, plan)
  const values = await result.data()
  expect(result.shape).toEqual([1, ...plan.output.shape, 1])
  result.dispose()
  return values
}

/** 12 roundings of f32 at 1000 HU. */
const bound = 12 * 1000 * 2 ** -24

async function agrees(volume: Volume, steps: PreprocessStep[]): Promise<void> {
  const wanted = preprocess(volume, steps)
  const plan = planPreprocess(volume, steps)
  expect(plan.output).toEqual({ shape: wanted.shape, affine: wanted.affine })
  expect(plan.history).toEqual(wanted.history ?? [])
  expect(largestError(await onDevice(plan), wanted.data)).toBeLessThanOrEqual(bound)
}

const rules = ['torchio', 'monai', 'fvlm'] as const
const interpolations = ['linear', 'nearest', 'cubic'] as const

describe.each(rules)('resampling by the rule of %s', (rule) => {
  it.each(interpolations)('%s', async (interpolation) => {
    for (const affine of [straight, oblique]) {
      for (const spacingMm of [
        [2, 2, 2],
        [1, 0.7, 1.3],
        [1.6, 1.4, 5],
      ] as Triple[]) {
        // fVLM's rule reads the diagonal of the affine, which must be the spacing.
        const own = rule === 'fvlm' ? [0.8, 0, 0, 1, 0, 0.9, 0, 2, 0, 0, 2.5, 3, 0, 0, 0, 1] : affine
        await agrees(scan([9, 11, 6], own), [{ kind: 'resample', spacingMm, interpolation, rule }])
      }
    }
  })
})

it('antialiasing', async () => {
  for (const interpolation of ['linear', 'cubic'] as const) {
    await agrees(scan([17, 12, 9], straight, 'float32'), [
      { kind: 'resample', spacingMm: [2, 2, 4], interpolation, antialias: 'sampled-gaussian' },
    ])
  }
})

it('whole pipelines', async () => {
  const steps: PreprocessStep[] = [
    { kind: 'orient', codes: 'SAR' },
    { kind: 'resample', spacingMm: [2, 2, 2] },
    { kind: 'clamp', min: -900, max: 900 },
    { kind: 'cropOrPad', size: [7, 3, 8], value: -900 },
    { kind: 'linear', slope: 0.5, intercept: 3 },
    { kind: 'padToAtLeast', size: [8, 4, 4], value: 1, surplus: 'end' },
    { kind: 'box', first: [-1, 1, 2], size: [4, 3, 9], value: 7 },
    { kind: 'scale', from: [-1000, 1000], to: [-500, 500] },
  ]
  await agrees(scan([9, 11, 6], straight), steps)
  await agrees(reorient(scan([9, 11, 6], oblique), 'LPI'), steps)
  await agrees(scan([5, 4, 3], straight), [])
})

it('COLIPRI input', async () => {
  const steps = colipriPreprocessing(colipriPublished, { integerParity: false })
  const small = steps.map((step): PreprocessStep => (step.kind === 'cropOrPad' ? { ...step, size: [8, 8, 8] } : step))
  await agrees(scan([24, 20, 12], straight), small)
})

it('other grids, also oblique ones, with and without a value outside', async () => {
  const target: Grid = { shape: [8, 7, 10], affine: [0.9, 0.2, 0, 0, -0.1, 1.1, 0.1, -9, 0, 0, 1.5, 1, 0, 0, 0, 1] }
  const volume = scan([9, 11, 6], oblique)
  for (const interpolation of interpolations) {
    for (const outside of [undefined, -1024]) {
      const options = { interpolation, ...(outside !== undefined && { outside }) }
      const wanted = resampleToGrid(volume, target, options)
      const plan = planResampleToGrid(volume, target, options)
      expect(largestError(await onDevice(plan), wanted.data)).toBeLessThanOrEqual(bound)
      expect(plan.history).toEqual(wanted.history)
    }
  }
})

it('linear resampling agrees on random grids', async () => {
  const size = fc.integer({ min: 1, max: 9 })
  const mm = fc.double({ min: 0.4, max: 4, noNaN: true })
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(size, size, size),
      fc.tuple(mm, mm, mm),
      fc.tuple(mm, mm, mm),
      async (shape, old, own) => {
        const affine = [old[0], 0, 0, 0, 0, old[1], 0, 0, 0, 0, old[2], 0, 0, 0, 0, 1]
        const fits = shape.every((count, axis) => count === 1 || (count * old[axis]!) / own[axis]! >= 1)
        fc.pre(fits)
        await agrees(scan(shape, affine), [{ kind: 'resample', spacingMm: own }])
      },
    ),
    { numRuns: 25 },
  )
})

it('results come back to the grid of the scan', () => {
  const volume = scan([9, 11, 6], straight)
  const plan = planPreprocess(volume, [
    { kind: 'orient', codes: 'RAS' },
    { kind: 'cropOrPad', size: [12, 12, 12], value: 0 },
  ])
  const result = volumeFromArray(new Float32Array(12 ** 3).fill(1), plan.output.shape, plan.output.affine)
  const back = restoreGrid(result, plan.history)
  expect([back.shape, back.affine]).toEqual([volume.shape, volume.affine])
})

it('refuses what needs the voxels, and what shows the last bit', () => {
  const volume = scan([4, 4, 4], straight)
  const refused: PreprocessStep[] = [
    { kind: 'normalize' },
    { kind: 'cropForeground' },
    { kind: 'resample', spacingMm: [2, 2, 2], roundTowardZero: true },
  ]
  for (const step of refused) {
    expect(() => planPreprocess(volume, [step])).toThrow(expect.objectContaining({ name: 'NotSupportedError' }))
  }
})

/** Augmentation on the device against its float64 reference, and what a plan promises. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ReferenceArray, ShapeError, type Tensor, tensor, ValueError } from '../../src/engine/index.js'
import {
  type AugmentPlan,
  type AugmentStep,
  augment,
  augmentReference,
  colipriMaskedModellingSteps,
  invertAugmentation,
  parseAugmentSteps,
  planAugmentation,
  velvetGlobalView,
  velvetLocalSteps,
  velvetSegmentationSteps,
  velvetViewSteps,
} from '../../src/train/index.js'
import { caseValues, largestError, largestMagnitude } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

const size: [number, number, number] = [8, 6, 6]
const volumes = (samples = 3, channels = 1): ReferenceArray => {
  const shape = [samples, ...size, channels]
  return { data: caseValues({ shape, range: [0, 1] }, 5), shape }
}
const upload = ({ data, shape }: ReferenceArray): Tensor => tensor(device, data, shape)

const steps: AugmentStep[] = [
  { kind: 'flip', axes: [0, 2] },
  { kind: 'rotate90', axes: [1, 2] },
  { kind: 'affine', rotation: { degrees: [30, 10, 20] }, scale: { range: [0.7, 1.4] }, shift: { voxels: [1, 2, 0] } },
  { kind: 'affine', rotation: { degrees: [0, 45, 0] }, spacingMm: [1, 2, 3], interpolation: 'cubic', outside: null },
  { kind: 'elastic', points: [3, 4, 3], voxels: [1.5, 1, 0.5] },
  { kind: 'noise', std: [0.05, 0.2] },
  { kind: 'blur', sigma: [0.3, 1.2] },
  { kind: 'gamma', exponent: [0.5, 2] },
  { kind: 'gamma', exponent: [0.5, 2], interval: [0.25, 0.5], probability: 0.5 },
  { kind: 'intensity', factor: [0.8, 1.2], shift: [-0.1, 0.1], middle: 0.5 },
  { kind: 'dropBoxes', fraction: [0.1, 0.3], side: [2, 4] },
  { kind: 'dropBoxes', fraction: [0.1, 0.3], side: [1, 9], fill: { value: -1 } },
  { kind: 'swapBoxes', fraction: [0.1, 0.3], side: [2, 3] },
  { kind: 'shufflePatches', patch: [4, 2, 3] },
  { kind: 'crop', size: [5, 6, 3] },
]

async function run(x: ReferenceArray, plan: AugmentPlan): Promise<Float32Array> {
  using input = upload(x)
  using result = augment(input, plan)
  return (await result.data()) as Float32Array
}

async function agrees(x: ReferenceArray, list: readonly AugmentStep[], seed: number): Promise<void> {
  const plan = planAugmentation(list, { seed, samples: x.shape[0] === 1 ? [11] : [11, 2 ** 40, 5], size })
  const want = augmentReference(x, plan)
  const got = await run(x, JSON.parse(JSON.stringify(plan)))
  expect(largestError(got, want.data)).toBeLessThanOrEqual(2e-5 * Math.max(1, largestMagnitude(want.data)))
}

describe('equals the reference', () => {
  it.each(steps.map((step, n) => [n, step.kind, step] as const))('step %i, %s', async (_, __, step) => {
    for (const seed of [0, 7, 2 ** 45]) await agrees(volumes(), [step], seed)
    await agrees(volumes(1, 2), [step], 3)
  })

  it('all steps one after the other', async () => {
    await agrees(volumes(), steps, 12)
  })
})

describe('a sample', () => {
  it('is treated alike in every batch and at every place in it', async () => {
    const list = steps.filter(({ kind }) => kind !== 'swapBoxes')
    const all = volumes(3)
    const voxels = all.data.length / 3
    const batch = await run(all, planAugmentation(list, { seed: 4, samples: [8, 9, 10], size }))
    const alone = { data: all.data.slice(voxels, 2 * voxels), shape: [1, ...size, 1] }
    const single = await run(alone, planAugmentation(list, { seed: 4, samples: [9], size }))
    expect(single).toEqual(batch.slice(batch.length / 3, (2 * batch.length) / 3))
  })

  it('changes with seed and number, and repeats with both', () => {
    const plan = (seed: number, sample: number) => planAugmentation(steps, { seed, samples: [sample], size })
    expect(plan(1, 2)).toEqual(plan(1, 2))
    expect(plan(1, 2)).not.toEqual(plan(2, 2))
    expect(plan(1, 2)).not.toEqual(plan(1, 3))
    expect(plan(1, 2)).not.toEqual(plan(1, 2 + 2 ** 32))
  })
})

it('steps of probability 0 change nothing', async () => {
  const never = steps.filter(({ kind }) => kind !== 'crop').map((step) => ({ ...step, probability: 0 }))
  const x = volumes()
  const got = await run(x, planAugmentation(never, { seed: 9, samples: [1, 2, 3], size }))
  // Only gamma rounds: through the interval and back.
  const changed = never.filter(({ kind }) => kind !== 'gamma')
  expect(await run(x, planAugmentation(changed, { seed: 9, samples: [1, 2, 3], size }))).toEqual(
    Float32Array.from(x.data),
  )
  expect(got.length).toBe(x.data.length)
})

it('happens as often as its probability says', () => {
  const samples = Array.from({ length: 4000 }, (_, n) => n)
  const plan = planAugmentation([{ kind: 'noise', std: [1, 2], probability: 0.3 }], { seed: 6, samples, size })
  const often = plan.passes[0]!.kind === 'noise' ? plan.passes[0]!.std.filter((std) => std > 0).length : 0
  // Five standard deviations of a binomial distribution.
  expect(Math.abs(often - 1200)).toBeLessThan(5 * Math.sqrt(4000 * 0.3 * 0.7))
})

describe('inversion', () => {
  it('undoes flips, quarter turns and shuffles exactly', async () => {
    const moves = steps.filter(({ kind }) => ['flip', 'rotate90', 'shufflePatches'].includes(kind))
    const x = volumes()
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const plan = planAugmentation(moves, { seed, samples: [0, 1, 2], size })
        using input = upload(x)
        using there = augment(input, plan)
        using back = augment(there, invertAugmentation(plan))
        expect(await back.data()).toEqual(Float32Array.from(x.data))
      }),
      { numRuns: 10 },
    )
  })

  it('puts a crop back in its place, and refuses what bends', async () => {
    const plan = planAugmentation([{ kind: 'crop', size: [3, 3, 3] }], { seed: 1, samples: [0, 1, 2], size })
    using ones = tensor(device, new Float32Array(81).fill(1), [3, 3, 3, 3, 1])
    using back = augment(ones, invertAugmentation(plan, -5))
    const values = (await back.data()) as Float32Array
    expect(values.filter((value) => value === 1)).toHaveLength(81)
    expect(new Set(values)).toEqual(new Set([1, -5]))
    const bent = planAugmentation([steps[4]!], { seed: 1, samples: [0], size })
    expect(() => invertAugmentation(bent)).toThrow(/elastic/)
  })
})

it('label maps take the geometry alone, by nearest neighbour', async () => {
  const plan = planAugmentation(steps, { seed: 3, samples: [1, 2], size })
  const labels = caseValues({ shape: [2, ...size, 1], dtype: 'i32', range: [0, 4] }, 1)
  using input = tensor(device, Int32Array.from(labels), [2, ...size, 1])
  using result = augment(input, plan, { labels: true })
  expect([result.dtype, result.shape]).toEqual(['i32', [2, 5, 6, 3, 1]])
  for (const label of await result.data()) expect([0, 1, 2, 3]).toContain(label)
})

describe('recipes', () => {
  it('are valid and survive JSON', () => {
    for (const list of [velvetViewSteps, velvetSegmentationSteps, colipriMaskedModellingSteps, velvetLocalSteps()]) {
      expect(parseAugmentSteps(JSON.parse(JSON.stringify(list)))).toEqual(list)
    }
  })

  it('VELVET-Med: labels of turns, a clean target, and the drop quota', () => {
    const edge = 96
    const plan = planAugmentation(velvetViewSteps, { seed: 2, samples: [0, 1, 2, 3], size: [edge, edge, edge] })
    const [turn, drop] = plan.passes
    expect(turn!.kind === 'warp' && turn!.turns).toHaveLength(4)
    if (drop!.kind !== 'boxes') throw new Error('no boxes')
    for (const list of drop!.boxes) {
      const voxels = list.reduce((sum, box) => sum + box.size[0] * box.size[1] * box.size[2], 0)
      expect(voxels).toBeLessThan(0.3 * edge ** 3 + 23 ** 3)
      for (const { first, size: extent } of list) {
        for (const axis of [0, 1, 2] as const) {
          expect(first[axis]).toBeLessThan(edge - 4)
          expect(first[axis] + extent[axis]).toBeLessThanOrEqual(edge)
          expect(extent[axis]).toBeLessThanOrEqual(23)
        }
      }
    }
  })

  it('VELVET-Med: a quarter turn is that of NumPy', async () => {
    const plan: AugmentPlan = {
      ...planAugmentation([{ kind: 'rotate90', axes: [1, 2] }], { seed: 0, samples: [3], size: [1, 2, 2] }),
    }
    const turns = plan.passes[0]!.kind === 'warp' ? plan.passes[0]!.turns![0]! : 0
    const turned = [
      [1, 2, 3, 4],
      [2, 4, 1, 3],
      [4, 3, 2, 1],
      [3, 1, 4, 2],
    ][turns]!
    using x = tensor(device, [1, 2, 3, 4], [1, 1, 2, 2, 1])
    using y = augment(x, plan)
    expect([...(await y.data())]).toEqual(turned)
  })

  it('VELVET-Med: the global view picks slices as the reference does', async () => {
    const indices = Float32Array.from({ length: 150 }, (_, n) => n)
    using x = tensor(device, indices, [1, 1, 1, 150, 1])
    using view = velvetGlobalView(x)
    const slices = [...(await view.data())].slice(0, 96)
    expect(slices.slice(0, 10)).toEqual([0, 2, 3, 5, 6, 8, 9, 11, 13, 14])
    expect(slices.slice(-3)).toEqual([146, 147, 149])
    expect(view.shape).toEqual([1, 96, 96, 96, 1])
  })
})

describe('refuses', () => {
  it.each<[string, unknown, RegExp]>([
    ['an unknown step', [{ kind: 'sharpen' }], /steps\.0\.kind/],
    ['an unknown option', [{ kind: 'flip', axes: [0], p: 1 }], /p/],
    ['a range that falls', [{ kind: 'noise', std: [2, 1] }], /steps\.0\.std.*low to high/],
    ['a probability above 1', [{ kind: 'flip', axes: [0], probability: 2 }], /steps\.0\.probability/],
    ['the plane of one axis', [{ kind: 'rotate90', axes: [1, 1] }], /two different axes/],
    ['a plane that is not square', [{ kind: 'rotate90', axes: [0, 1] }], /differ in length/],
    ['a crop that is larger', [{ kind: 'crop', size: [9, 1, 1] }], /more than 8 x 6 x 6/],
    ['patches that do not fit', [{ kind: 'shufflePatches', patch: [3, 1, 1] }], /no whole patches/],
    ['boxes that do not fit', [{ kind: 'dropBoxes', fraction: [1, 1], side: [7, 8] }], /do not fit/],
  ])('%s', (_, list, message) => {
    const plan = () => planAugmentation(list as AugmentStep[], { seed: 1, samples: [1], size })
    expect(plan).toThrow(ValueError)
    expect(plan).toThrow(message)
  })

  it('seeds and samples that are no whole numbers, and a plan for another batch', () => {
    expect(() => planAugmentation(steps, { seed: -1, samples: [1], size })).toThrow(/seed -1/)
    expect(() => planAugmentation(steps, { seed: 1, samples: [0.5], size })).toThrow(/sample 0.5/)
    using x = upload(volumes(2))
    expect(() => augment(x, planAugmentation(steps, { seed: 1, samples: [1], size }))).toThrow(ShapeError)
    expect(() => augment(x, planAugmentation([], { seed: 1, samples: [1], size: [1, 2, 3] }))).toThrow(/1 x 2 x 3/)
  })
})

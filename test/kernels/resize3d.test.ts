/** Resizing: every pair of small extents, exactly, and what the cases do not say. */
import { describe, expect, it } from 'vitest'
import { gradients, scope, tensor } from '../../src/engine/index.js'
import { mul } from '../../src/kernels/elementwise/index.js'
import { sum } from '../../src/kernels/reduce/index.js'
import { type Resize3dOptions, resize3d } from '../../src/kernels/resize3d/index.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

/** Where output `o` lies between the elements of an axis. */
function positionOf(o: number, from: number, to: number, { mode, alignCorners }: Resize3dOptions): number {
  if (mode === 'nearest') return Math.floor((o * from) / to)
  if (alignCorners) return to === 1 ? 0 : (o * (from - 1)) / (to - 1)
  return Math.min(from - 1, Math.max(0, ((o + 0.5) * from) / to - 0.5))
}

/** What element `i` counts in output `o`. */
function weightIn(o: number, i: number, from: number, to: number, options: Resize3dOptions): number {
  if (options.mode !== 'area') return Math.max(0, 1 - Math.abs(positionOf(o, from, to, options) - i))
  const [first, end] = [Math.floor((o * from) / to), Math.ceil(((o + 1) * from) / to)]
  return i >= first && i < end ? 1 / (end - first) : 0
}

const modes: Resize3dOptions[] = [
  { mode: 'trilinear' },
  { mode: 'trilinear', alignCorners: true },
  { mode: 'nearest' },
  { mode: 'area' },
]

describe.each(modes)('$mode, corners $alignCorners', (options) => {
  it('weighs every pair of extents as its formula says, and transposes that', async () => {
    const extents = [1, 2, 3, 5, 8, 13]
    for (const from of extents) {
      for (const to of extents) {
        // One channel per element, 1 there: the result is the matrix of weights, and its gradient shows the transpose.
        const unit = Float64Array.from({ length: from * from }, (_, i) => (i % (from + 1) === 0 ? 1 : 0))
        const cotangent = Float64Array.from({ length: to * from }, (_, i) => ((i * 37) % 101) / 64)
        const x = tensor(device, unit, [1, 1, 1, from, from], { requiresGrad: true })
        const y = resize3d(x, [1, 1, to], options)
        const [dx] = scope(() => gradients(sum(mul(y, tensor(device, cotangent, y.shape))), [x]))
        const [weights, gradient] = [await y.data(), await dx!.data()]
        for (let i = 0; i < from; i++) {
          const weightOf = (o: number) => weightIn(o, i, from, to, options)
          for (let o = 0; o < to; o++) expect(weights[o * from + i], `${from} to ${to}`).toBeCloseTo(weightOf(o), 6)
          for (let c = 0; c < from; c++) {
            let want = 0
            for (let o = 0; o < to; o++) want += weightOf(o) * cotangent[o * from + c]!
            expect(gradient[i * from + c], `gradient ${from} to ${to}`).toBeCloseTo(want, 5)
          }
        }
        for (const value of [x, y, dx!]) value.dispose()
      }
    }
  })
})

it('does not multiply an infinite neighbour by 0', async () => {
  const x = tensor(device, [1, Number.POSITIVE_INFINITY, 2], [1, 1, 1, 3, 1])
  const y = resize3d(x, [1, 1, 3], { mode: 'trilinear' })
  expect([...(await y.data())]).toEqual([1, Number.POSITIVE_INFINITY, 2])
})

it('is exact at the largest extents', async () => {
  const width = 32767
  const x = tensor(
    device,
    Float32Array.from({ length: width }, (_, i) => i),
    [1, 1, 1, width, 1],
  )
  const y = await resize3d(x, [1, 1, width - 1], { mode: 'trilinear', alignCorners: true }).data()
  expect([y[0], y[width - 2]]).toEqual([0, width - 1])
  const nearest = await resize3d(x, [1, 1, width - 1], { mode: 'nearest' }).data()
  expect(nearest[width - 2]).toBe(width - 2)
  const half = await resize3d(x, [1, 1, width], { mode: 'trilinear' }).data()
  expect(half.every((value, i) => value === i)).toBe(true)
})

it('says what is wrong', () => {
  const x = tensor(device, new Array(8).fill(0), [1, 2, 2, 2, 1])
  expect(() => resize3d(x, 0, { mode: 'nearest' })).toThrow(/resize3d: the size must be .* got \[0, 0, 0\]/)
  expect(() => resize3d(x, 40_000, { mode: 'nearest' })).toThrow(/resize3d: axes go up to 32767/)
  expect(() => resize3d(x, 4, { mode: 'nearest', alignCorners: true })).toThrow(/resize3d: alignCorners/)
  expect(() => resize3d(x, [2, 2, 0], { mode: 'area' })).toThrow(/resize3d: the size must be .* got \[2, 2, 0\]/)
  expect(() => resize3d(tensor(device, [0], [1]), 4, { mode: 'nearest' })).toThrow(/resize3d: takes a volume/)
})

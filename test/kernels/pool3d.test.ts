/** Pooling: what the cases of the operations do not say. */
import { expect, it } from 'vitest'
import { gradients, ShapeError, scope, type Tensor, tensor } from '../../src/engine/index.js'
import { adaptiveAvgPool3d, adaptiveMaxPool3d, avgPool3d, maxPool3d } from '../../src/kernels/pool3d/index.js'
import { sum } from '../../src/kernels/reduce/index.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()
const { NaN: nan, NEGATIVE_INFINITY: lowest } = Number

const rowOf = (values: readonly number[], channels = 1) =>
  tensor(device, values, [1, 1, 1, values.length / channels, channels], { requiresGrad: true })

/** Pooled values, and the gradient of their sum. */
async function pool(x: Tensor, fn: (x: Tensor) => Tensor): Promise<{ values: number[]; gradient: number[] }> {
  const y = fn(x)
  const [dx] = scope(() => gradients(sum(y), [x]))
  return { values: [...(await y.data())], gradient: [...(await dx!.data())] }
}

it('gives the gradient of ties to the first', async () => {
  const { gradient } = await pool(rowOf([2, 2, 1, 3, 3, 3]), (x) => maxPool3d(x, { kernel: [1, 1, 3] }))
  expect(gradient).toEqual([1, 0, 0, 1, 0, 0])
})

it('gives the gradient of ties of large windows to the first in row-major order', async () => {
  const x = tensor(device, new Array(6 ** 3).fill(5), [1, 6, 6, 6, 1], { requiresGrad: true })
  const { values, gradient } = await pool(x, (volume) => adaptiveMaxPool3d(volume, 1))
  expect(values).toEqual([5])
  expect(gradient).toEqual([1, ...new Array(6 ** 3 - 1).fill(0)])
})

it('lets NaN win, and infinities be values', async () => {
  const options = { kernel: [1, 1, 3] } as const
  const { values, gradient } = await pool(
    rowOf([1, nan, 9, lowest, lowest, lowest, 1, Number.POSITIVE_INFINITY, 2]),
    (x) => maxPool3d(x, options),
  )
  expect(values).toEqual([nan, lowest, Number.POSITIVE_INFINITY])
  expect(gradient).toEqual([0, 1, 0, 1, 0, 0, 0, 1, 0])
})

it('keeps NaN to its own channel', async () => {
  const { values } = await pool(rowOf([nan, 1, 2, 3, 5, 0, 4, nan], 4), (x) => maxPool3d(x, { kernel: [1, 1, 2] }))
  expect(values).toEqual([nan, 1, 4, nan])
})

it('gives -infinity and no gradient where dilation steps over everything', async () => {
  // Windows at positions {-2, 1} and {-1, 2} of an axis of one element.
  const { values, gradient } = await pool(rowOf([7]), (x) =>
    maxPool3d(x, { kernel: [1, 1, 2], stride: 1, padding: [0, 0, 2], dilation: [1, 1, 3] }),
  )
  expect(values).toEqual([lowest, lowest])
  expect(gradient).toEqual([0])
})

it('divides by padding, but not by what ceil mode adds beyond it', async () => {
  const options = { kernel: [1, 1, 3], stride: [1, 1, 2], padding: [0, 0, 1], ceilMode: true } as const
  const counted = await pool(rowOf([6, 6, 6, 6]), (x) => avgPool3d(x, options))
  expect(counted.values).toEqual([4, 6, 3])
  const inside = await pool(rowOf([6, 6, 6, 6]), (x) => avgPool3d(x, { ...options, countIncludePad: false }))
  expect(inside.values).toEqual([6, 6, 6])
})

it('sums f16 in f32', async () => {
  const x = tensor(device, new Array(4096).fill(1.5), [1, 16, 16, 16, 1], { dtype: 'f16' })
  expect([...(await adaptiveAvgPool3d(x, 1).data())]).toEqual([1.5])
})

it('works past 65,535 workgroups', async () => {
  const width = 256 * 65_535 + 1000
  const ramp = new Float32Array(width)
  for (let i = 0; i < width; i++) ramp[i] = i & 1023
  const x = tensor(device, ramp, [1, 1, 1, width, 1])
  const values = await scope(() => maxPool3d(x, { kernel: 1 })).data()
  let wrong = 0
  for (let i = 0; i < width; i++) if (values[i] !== ramp[i]) wrong++
  expect(wrong).toBe(0)
  x.dispose()
})

it('says what is wrong', () => {
  const x = tensor(device, new Array(24).fill(0), [1, 2, 3, 4, 1])
  expect(() => maxPool3d(x, { kernel: 5 })).toThrow(/maxPool3d: no window of kernel \[5, 5, 5\].*\[1, 2, 3, 4, 1\]/)
  expect(() => maxPool3d(x, { kernel: 2, padding: 2 })).toThrow(/maxPool3d: padding \[2, 2, 2\] is more than half/)
  expect(() => avgPool3d(x, { kernel: [1, 0, 1] })).toThrow(/avgPool3d: kernel .* got \[1, 0, 1\]/)
  expect(() => avgPool3d(x, { kernel: 1, stride: 1.5 })).toThrow(ShapeError)
  const matrix = tensor(device, [0], [1, 1])
  expect(() => adaptiveAvgPool3d(matrix, 1)).toThrow(/adaptiveAvgPool3d: takes a volume .* got \[1, 1\]/)
})

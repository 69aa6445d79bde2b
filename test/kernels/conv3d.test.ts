/** Convolutions: random geometries against each other and the reference, and what the cases do not say. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gradients, noGrad, scope, type Tensor, tensor } from '../../src/engine/index.js'
import { definedOps, type OpDefinition } from '../../src/engine/op.js'
import { conv3d, convTranspose3d, type Triple } from '../../src/kernels/conv3d/index.js'
import { gelu, leakyRelu, mul, relu, silu } from '../../src/kernels/elementwise/index.js'
import { sum } from '../../src/kernels/reduce/index.js'
import { caseValues, largestError, largestMagnitude } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

const random = (shape: readonly number[], seed: number) => tensor(device, caseValues({ shape }, seed), shape)

const conv3dOp = definedOps().find(({ name }) => name === 'conv3d') as unknown as OpDefinition<object>

function perAxis(most: number) {
  const extent = fc.integer({ min: 1, max: most })
  return fc.tuple(extent, extent, extent)
}

const less = ([d, h, w]: Triple): Triple => [d - 1, h - 1, w - 1]

/** A volume that holds at least one window, and options for it. */
const problems = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    groups: fc.integer({ min: 1, max: 2 }),
    groupInput: fc.constantFrom(1, 3, 4),
    groupOutput: fc.constantFrom(1, 2, 4, 5),
    kernel: perAxis(3),
    stride: perAxis(3),
    dilation: perAxis(2),
    before: perAxis(3),
    after: perAxis(3),
    room: perAxis(5),
  })
  .map(({ kernel, dilation, room, before, after, ...rest }) => ({
    ...rest,
    kernel,
    dilation,
    padding: [less(before), less(after)] as const,
    extents: kernel.map((n, axis) => (n - 1) * dilation[axis]! + room[axis]!),
  }))

it('agrees with its reference, and its gradient is its transpose', async () => {
  await fc.assert(
    fc.asyncProperty(problems, async ({ batch, groups, groupInput, groupOutput, kernel, stride, dilation, ...p }) => {
      const x = random([batch, ...p.extents, groups * groupInput], 1).setRequiresGrad()
      const weight = random([groups * groupOutput, ...kernel, groupInput], 2).setRequiresGrad()
      const options = { stride, dilation, groups, padding: p.padding }
      const y = conv3d(x, weight, options)
      const [paddingBefore, paddingAfter] = p.padding
      const array = async (value: Tensor) => ({ data: Float64Array.from(await value.data()), shape: value.shape })
      const inputs = [await array(x), await array(weight)]
      const [want] = conv3dOp.reference(inputs, { stride, dilation, groups, paddingBefore, paddingAfter })
      expect(y.shape).toEqual(want!.shape)
      const scale = Math.max(1, largestMagnitude(want!.data))
      expect(largestError(await y.data(), want!.data)).toBeLessThan(1e-5 * scale)
      // <conv(x), g> = <x, dx> = <weight, dweight>, because convolution is linear in both.
      const cotangent = random(y.shape, 3)
      const inner = async (a: Tensor, b: Tensor) => scope(() => sum(mul(a, b))).item()
      const [dx, dweight] = scope(() => gradients(sum(mul(y, cotangent)), [x, weight]))
      const value = await inner(y, cotangent)
      const bound = 1e-4 * Math.max(1, Math.abs(value), scale)
      expect(Math.abs((await inner(x, dx!)) - value)).toBeLessThan(bound)
      expect(Math.abs((await inner(weight, dweight!)) - value)).toBeLessThan(bound)
      for (const tensor of [x, weight, y, cotangent, dx!, dweight!]) tensor.dispose()
    }),
    { numRuns: 25, seed: 3 },
  )
})

describe('padding', () => {
  const x = tensor(device, [1, 2, 3, 4], [1, 1, 1, 4, 1])
  const weight = tensor(device, [10, 1], [1, 1, 1, 2, 1])

  it('"same" puts the surplus at the end', async () => {
    expect([...(await conv3d(x, weight, { padding: 'same' }).data())]).toEqual([12, 23, 34, 40])
  })

  it('may differ before and after', async () => {
    const padding = [
      [0, 0, 1],
      [0, 0, 0],
    ] as const
    expect([...(await conv3d(x, weight, { padding }).data())]).toEqual([1, 12, 23, 34])
  })
})

it('computes nothing wrong beside infinities in the padding', async () => {
  const x = tensor(device, [Number.POSITIVE_INFINITY, 1, 1, 1, 1], [1, 1, 1, 5, 1])
  const weight = tensor(device, [1, 1], [1, 1, 1, 2, 1])
  const y = await conv3d(x, weight, { padding: [0, 0, 1] }).data()
  expect([...y]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 2, 2, 2, 1])
})

it('takes more than 65,535 workgroups', async () => {
  const shape = [1, 72, 256, 256, 1]
  const x = tensor(
    device,
    Float32Array.from({ length: 72 * 256 * 256 }, (_, i) => i % 1021),
    shape,
  )
  const weight = tensor(device, [1, -1], [1, 1, 1, 2, 1])
  const y = await conv3d(x, weight).data()
  let wrong = 0
  for (let i = 0; i < y.length; i++) {
    const at = Math.floor(i / 255) * 256 + (i % 255)
    if (y[i] !== (at % 1021) - ((at + 1) % 1021)) wrong++
  }
  expect(wrong).toBe(0)
})

it('makes the same result by patches and by windows', async () => {
  const [x, weight, bias] = [random([1, 4, 6, 4, 2], 1), random([5, 2, 3, 2, 2], 2), random([5], 3)]
  const patches = await conv3d(x, weight, { bias, stride: [2, 3, 2] }).data()
  // A padding of nothing but an unneeded end keeps the general path.
  const none: Triple = [0, 0, 0]
  const windows = await conv3d(x, weight, { bias, stride: [2, 3, 2], padding: [none, [1, 1, 1]] }).data()
  expect(largestError(patches, windows)).toBeLessThan(1e-5)
})

it.each([
  ['relu', relu],
  ['leaky-relu', leakyRelu],
  ['gelu', gelu],
  ['silu', silu],
] as const)('computes the same with %s apart, for gradients too', async (activation, apart) => {
  const [x, weight] = [random([1, 3, 4, 3, 2], 1), random([3, 3, 3, 3, 2], 2).setRequiresGrad()]
  const cotangent = random([1, 3, 4, 3, 3], 3)
  const together = () => conv3d(x, weight, { padding: 1, activation })
  const twice = () => apart(conv3d(x, weight, { padding: 1 }))
  const gradient = (fn: () => Tensor) => gradients(fn(), [weight], { gradient: cotangent })[0]!
  expect(largestError(await noGrad(together).data(), await noGrad(twice).data())).toBeLessThan(1e-6)
  expect(largestError(await gradient(together).data(), await gradient(twice).data())).toBeLessThan(1e-5)
})

it('says what is wrong', () => {
  const x = random([1, 3, 3, 3, 4], 1)
  expect(() => conv3d(x, random([2, 3, 3, 3, 3], 1))).toThrow(
    'conv3d: x [1, 3, 3, 3, 4] and weight [2, 3, 3, 3, 3] do not fit together with 1 groups',
  )
  expect(() => conv3d(x, random([2, 5, 3, 3, 4], 1))).toThrow(/smaller than the window of weight \[2, 5, 3, 3, 4\]/)
  expect(() => conv3d(x, random([2, 1, 1, 1, 4], 1), { stride: 2, padding: 'same' })).toThrow(/"same" needs stride 1/)
  expect(() => conv3d(x, random([2, 1, 1, 1, 4], 1), { bias: random([3], 1), padding: 1 })).toThrow(/bias \[3\]/)
  expect(() => conv3d(x, random([2, 1, 1, 1, 4], 1), { stride: 0 })).toThrow(/must be positive integers/)
  expect(() => conv3d(random([3, 3], 1), random([2, 1, 1, 1, 4], 1))).toThrow(/takes x \[N, D, H, W, C\]/)
  expect(() => conv3d(x, random([2, 1, 1, 1, 4], 1), { activation: 'tanh' as 'relu' })).toThrow(
    /conv3d: the activation must be one of relu, .* got "tanh"/,
  )
  expect(() => convTranspose3d(x, random([3, 2, 2, 2, 2], 1), { padding: 1 })).toThrow(/do not fit together/)
  expect(() => convTranspose3d(x, random([4, 2, 2, 2, 2], 1), { stride: 2, outputPadding: 2 })).toThrow(
    /outputPadding 2,2,2 must be smaller than stride/,
  )
})

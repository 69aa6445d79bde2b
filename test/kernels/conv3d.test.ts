/** Convolutions: random geometries, limits and memory, and what the cases do not say. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Device } from '../../src/engine/device.js'
import { gradients, noGrad, type Tensor, tensor } from '../../src/engine/index.js'
import { conv3d, convTranspose3d, type Triple } from '../../src/kernels/conv3d/index.js'
import { gelu, leakyRelu, relu, silu } from '../../src/kernels/elementwise/index.js'
import { caseValues, largestError } from '../support/arrays.js'
import { type ConvolutionProblem, checkAll, plainProblem, prepare } from '../support/check-convolution.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

const random = (shape: readonly number[], seed: number) => tensor(device, caseValues({ shape }, seed), shape)

const perAxis = (most: number) => {
  const extent = fc.integer({ min: 1, max: most })
  return fc.tuple(extent, extent, extent)
}

const same = (n: number): Triple => [n, n, n]

/** Windows of 2³ without overlap. */
const apart = { kernel: same(2), stride: same(2), padding: [same(0), same(0)] } as const

const less = ([d, h, w]: Triple): Triple => [d - 1, h - 1, w - 1]

/** Volumes that hold at least one window, and options for them. */
function problems(dtype: 'f32' | 'f16', made: 'coarse' | 'fine'): fc.Arbitrary<ConvolutionProblem> {
  return fc
    .record({
      batch: fc.integer({ min: 1, max: 2 }),
      // Depthwise, then ordinary ones: few channels per group, whole vectors, and odd numbers.
      channels: fc.constantFrom([3, 1, 1], [4, 1, 1], [1, 1, 5], [2, 3, 2], [1, 4, 8], [2, 4, 4], [1, 5, 4]),
      kernel: perAxis(3),
      stride: perAxis(3),
      dilation: perAxis(2),
      before: perAxis(3),
      after: perAxis(3),
      room: perAxis(4),
      outputPadding: perAxis(2),
    })
    .map(({ channels, kernel, stride, dilation, before, after, room, outputPadding, batch }) => {
      const [groups, inputs, outputs] = channels as [number, number, number]
      const window = (axis: 0 | 1 | 2) => (kernel[axis] - 1) * dilation[axis]
      const common = { dtype, made, batch, groups, inputs, outputs, kernel, stride, dilation }
      if (made === 'coarse') {
        const extents: Triple = [window(0) + room[0], window(1) + room[1], window(2) + room[2]]
        return { ...common, extents, padding: [less(before), less(after)], outputPadding: [0, 0, 0] }
      }
      // Less than half the window, so that something of the result is left.
      const cut = (axis: 0 | 1 | 2) => Math.min(before[axis] - 1, window(axis) >> 1)
      const padding: Triple = [cut(0), cut(1), cut(2)]
      const extra = (axis: 0 | 1 | 2) => Math.min(outputPadding[axis], Math.max(stride[axis], dilation[axis])) - 1
      return { ...common, extents: room, padding: [padding, padding], outputPadding: [extra(0), extra(1), extra(2)] }
    })
}

describe.each([
  ['conv3d', 'coarse'],
  ['convTranspose3d', 'fine'],
] as const)('%s of any geometry, with all gradients', (_, made) => {
  const check = (dtype: 'f32' | 'f16', numRuns: number) =>
    fc.assert(
      fc.asyncProperty(problems(dtype, made), (problem) => checkAll(device, problem)),
      { numRuns },
    )

  it('f32', () => check('f32', 24))
  it.skipIf(!device.capabilities.f16)('f16', () => check('f16', 12))
})

/** A device that binds less at once than this one does. */
const lessAtOnce = (maxBindingBytes: number) =>
  new Device(device.gpu, { ...device.capabilities, maxBindingBytes }, 'safe', 2 ** 20)

describe('volumes beyond the binding limit', () => {
  const large: fc.Arbitrary<ConvolutionProblem> = fc
    .record({
      batch: fc.constantFrom(1, 2, 5),
      made: fc.constantFrom('coarse', 'fine'),
      dtype: fc.constantFrom('f32', ...(device.capabilities.f16 ? (['f16'] as const) : [])),
      channels: fc.constantFrom([1, 3, 2], [1, 4, 4], [4, 1, 1]),
      depth: fc.integer({ min: 4, max: 9 }),
      kernel: fc.integer({ min: 1, max: 3 }),
      stride: fc.integer({ min: 1, max: 3 }),
      padding: fc.integer({ min: 0, max: 1 }),
    })
    .map(({ batch, made, dtype, channels: [groups, inputs, outputs], depth, kernel, stride, padding }) => {
      const padded = same(kernel === 1 ? 0 : padding)
      return {
        ...{ batch, made, dtype, groups, inputs, outputs, extents: [depth, 5, 4], kernel: same(kernel) },
        ...{ stride: same(stride), dilation: same(1), padding: [padded, padded], outputPadding: same(0) },
      }
    })

  it('are cut into images and slabs, for gradients too', async () => {
    // Room for the three largest slices that one coarse slice reads.
    const small = lessAtOnce(12 * 1024)
    await fc.assert(
      fc.asyncProperty(large, (problem) => checkAll(small, problem)),
      { numRuns: 24 },
    )
  })

  it('are cut between patches', async () => {
    const small = lessAtOnce(2048)
    const patches = { ...plainProblem, ...apart, inputs: 4, outputs: 4 }
    await checkAll(small, { ...patches, extents: [10, 4, 4] })
    await checkAll(small, { ...patches, made: 'fine', extents: [5, 2, 2] })
  })

  it('are refused where a single slice is too large, with the limit and what to do', () => {
    const small = lessAtOnce(512)
    const x = tensor(small, new Float32Array(8 * 8 * 4), [1, 1, 8, 8, 4])
    const weight = tensor(small, new Float32Array(16), [4, 1, 1, 1, 4])
    expect(() => conv3d(x, weight)).toThrow(/maxStorageBufferBindingSize is 512: split the tensor/)
  })
})

describe('memory beside the tensors', () => {
  const channels = { inputs: 32, outputs: 32 }
  const extents = same(16)

  it.each<[string, ConvolutionProblem]>([
    ['3³', { ...plainProblem, ...channels, extents }],
    ['3³, f16', { ...plainProblem, ...channels, extents, dtype: device.capabilities.f16 ? 'f16' : 'f32' }],
    ['strided', { ...plainProblem, ...channels, extents, stride: same(2) }],
    ['pointwise', { ...plainProblem, ...channels, extents, kernel: same(1), padding: [same(0), same(0)] }],
    ['patches', { ...plainProblem, ...channels, extents, ...apart }],
    ['transposed, without overlap', { ...plainProblem, ...channels, extents, ...apart, made: 'fine' }],
    ['transposed, strided', { ...plainProblem, ...channels, extents, stride: same(2), made: 'fine' }],
    ['depthwise', { ...plainProblem, extents, groups: 32, inputs: 1, outputs: 1 }],
    ['first layer', { ...plainProblem, extents: same(24), inputs: 1, outputs: 16 }],
  ])('is at most 15 %% of them: %s', async (_name, problem) => {
    const { forward, gradient, tensorBytes, dispose } = prepare(device, problem)
    // A leaf's gradient is f32, beside which the tape makes that of an f16 volume once more.
    const gradients = problem.dtype === 'f32' ? (['x', 'weight'] as const) : (['weight'] as const)
    for (const make of [forward, ...gradients.map((of) => () => gradient(of))]) {
      const before = device.memory().liveBytes
      device.resetPeakMemory()
      const made = make()
      const ofResult = device.memory().liveBytes - before
      // On the way to a gradient, y is made.
      const results = ofResult + (make === forward ? 0 : tensorBytes.y)
      const extra = device.memory().peakBytes - before - results
      expect(extra / (tensorBytes.x + tensorBytes.weight + tensorBytes.y)).toBeLessThanOrEqual(0.15)
      made.dispose()
    }
    await device.sync()
    dispose()
  })
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

describe.runIf(process.env.VOXGRAD_SLOW_TESTS === '1')('volumes of real size', () => {
  const pattern = (i: number) => ((i * 37) % 101) / 64 - 0.75
  /** Values that f16 holds exactly, of any element alone. */
  const volume = (shape: readonly number[], dtype: 'f32' | 'f16') =>
    tensor(
      device,
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => pattern(i)),
      shape,
      { dtype },
    )

  it.each([
    ['192³ × 1', [192, 192, 192], 1, 8, 'f32'],
    ['96³ × 48', [96, 96, 96], 48, 48, 'f32'],
    ['300 × 512² × 1', [300, 512, 512], 1, 4, 'f16'],
  ] as const)(
    '%s',
    async (_, [depth, height, width], inputs, outputs, dtype) => {
      if (dtype === 'f16' && !device.capabilities.f16) return
      const x = volume([1, depth, height, width, inputs], dtype)
      const weight = volume([outputs, 3, 3, 3, inputs], dtype)
      const y = conv3d(x, weight, { padding: 1 })
      const got = await y.data()
      for (const [d, h, w] of [
        [0, 0, 0],
        [depth >> 1, 7, width - 1],
        [depth - 1, height - 1, 3],
        [depth - 2, 5, 9],
      ] as const) {
        for (let o = 0; o < outputs; o++) {
          let want = 0
          for (let tap = 0; tap < 27; tap++) {
            const at = [d + Math.floor(tap / 9) - 1, h + (Math.floor(tap / 3) % 3) - 1, w + (tap % 3) - 1] as const
            if (at.some((i, axis) => i < 0 || i >= [depth, height, width][axis]!)) continue
            for (let c = 0; c < inputs; c++) {
              const element = ((at[0] * height + at[1]) * width + at[2]) * inputs + c
              want += pattern(element) * pattern((o * 27 + tap) * inputs + c)
            }
          }
          const voxel = (d * height + h) * width + w
          expect(Math.abs(got[voxel * outputs + o]! - want)).toBeLessThan(
            (dtype === 'f16' ? 1e-3 : 1e-5) * Math.max(8, Math.abs(want)),
          )
        }
      }
      for (const value of [x, weight, y]) value.dispose()
      await device.sync()
      device.pool.trim()
    },
    300_000,
  )

  it('the gradient of a weight over 128³ × 32', async () => {
    const side = 128
    const x = volume([1, side, side, side, 32], 'f32')
    const weight = tensor(device, new Float32Array(32 * 27 * 32), [32, 3, 3, 3, 32], { requiresGrad: true })
    // Ones, so that every element of the gradient is the sum of a shifted volume.
    const cotangent = tensor(device, new Float32Array(side ** 3 * 32).fill(1), [1, side, side, side, 32])
    const [dweight] = gradients(conv3d(x, weight, { padding: 1 }), [weight], { gradient: cotangent })
    const got = await dweight!.data()
    for (const [tap, channel] of [
      [0, 0],
      [13, 5],
      [26, 31],
    ] as const) {
      const shift = [Math.floor(tap / 9) - 1, (Math.floor(tap / 3) % 3) - 1, (tap % 3) - 1] as const
      const inside = (i: number, axis: number) => i + shift[axis]! >= 0 && i + shift[axis]! < side
      let want = 0
      for (let d = 0; d < side; d++) {
        for (let h = 0; h < side; h++) {
          for (let w = 0; w < side; w++) {
            if (!inside(d, 0) || !inside(h, 1) || !inside(w, 2)) continue
            want += pattern((((d + shift[0]) * side + h + shift[1]) * side + w + shift[2]) * 32 + channel)
          }
        }
      }
      // Two million summands of up to 0.83: what f32 may lose of sums of some thousands, and no more.
      for (const output of [0, 31]) expect(Math.abs(got[(output * 27 + tap) * 32 + channel]! - want)).toBeLessThan(2)
    }
    for (const value of [x, weight, cotangent, dweight!]) value.dispose()
    await device.sync()
    device.pool.trim()
  }, 300_000)
})

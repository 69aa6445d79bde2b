/** What a product does to its result before it stores it is what the operations would do one after another. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DType, gradients, noGrad, profile, scope, type Tensor, tensor } from '../../src/engine/index.js'
import { withVariant } from '../../src/engine/kernel.js'
import { add, cast, gelu, leakyRelu, mul, relu, silu } from '../../src/kernels/elementwise/index.js'
import { type EpilogueOptions, linear, matmul } from '../../src/kernels/matmul/index.js'
import { matmulKernel } from '../../src/kernels/matmul/kernel.js'
import { caseValues, largestError, largestMagnitude } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()
const storage: DType[] = device.capabilities.f16 ? ['f32', 'f16'] : ['f32']

const functions = {
  relu,
  'leaky-relu': (x: Tensor) => leakyRelu(x, 0.01),
  gelu,
  'gelu-tanh': (x: Tensor) => gelu(x, { approximate: 'tanh' }),
  silu,
} as const

/** The same, operation by operation in f32. */
function composed(product: Tensor, { bias, activation, multiply, scale, residual }: EpilogueOptions): Tensor {
  const f32 = (x: Tensor) => (x.dtype === 'f32' ? x : cast(x, 'f32'))
  let y = bias ? add(product, f32(bias)) : product
  if (activation) y = functions[activation](y)
  if (multiply) y = mul(y, f32(multiply))
  if (scale !== undefined) y = mul(y, typeof scale === 'number' ? tensor(device, [scale], []) : f32(scale))
  return residual ? add(y, f32(residual)) : y
}

let seed = 1
const random = (shape: readonly number[], dtype: DType = 'f32', requiresGrad = false) =>
  tensor(device, caseValues({ shape }, seed++), shape, { dtype, requiresGrad })

async function expectClose(got: Tensor, want: Tensor, relative: number): Promise<void> {
  const values = await want.data()
  expect(got.shape).toEqual(want.shape)
  expect(largestError(await got.data(), values)).toBeLessThanOrEqual(relative * Math.max(1, largestMagnitude(values)))
}

/** By one variant; undefined where it does not take the problem. */
function runVariant(variant: string, fn: () => Tensor): Tensor | undefined {
  try {
    return withVariant('matmul', variant, fn)
  } catch (error) {
    if (error instanceof Error && error.name === 'NotSupportedError') return undefined
    throw error
  }
}

describe('an epilogue', () => {
  const choice = fc.record({
    extents: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
    batch: fc.integer({ min: 1, max: 3 }),
    operands: fc.subarray(['bias', 'multiply', 'scale', 'residual'] as const),
    activation: fc.constantFrom(undefined, ...(Object.keys(functions) as (keyof typeof functions)[])),
    dtype: fc.constantFrom(...storage),
  })

  it('gives what its operations give, of any extents and operands, in any storage', async () => {
    await fc.assert(
      fc.asyncProperty(choice, async ({ extents: [m, n, k], batch, operands, activation, dtype }) => {
        const shapes = { bias: [n], multiply: [batch, m, n], scale: [n], residual: [batch, m, n] }
        const given = Object.fromEntries(operands.map((name) => [name, random(shapes[name], dtype)]))
        const options: EpilogueOptions = { ...given, activation }
        const [a, b] = [random([batch, m, k]), random([k, n])]
        const [got, want] = scope(() => [matmul(a, b, options), composed(matmul(a, b), options)])
        await expectClose(got!, want!, 4e-6)
        for (const value of [a, b, got!, want!, ...Object.values(given)]) value.dispose()
      }),
      { numRuns: 15, seed: 7 },
    )
  })

  const shapes = { bias: [8], multiply: [3, 8], scale: [8], residual: [3, 8] } as const
  const names = Object.keys(shapes) as (keyof typeof shapes)[]

  it('gives the gradients that its operations give, where all or only some are wanted', async () => {
    for (const wanted of [names, ['multiply'], ['scale', 'residual'], ['bias']] as const) {
      const isWanted = (name: string) => (wanted as readonly string[]).includes(name)
      const given = Object.fromEntries(names.map((name) => [name, random(shapes[name], 'f32', isWanted(name))]))
      const x = random([3, 5], 'f32', wanted === names)
      const weight = random([8, 5], 'f32', wanted === names)
      const dy = random([3, 8])
      const leaves = [x, weight, ...Object.values(given)].filter(({ requiresGrad }) => requiresGrad)
      const options: EpilogueOptions = { ...given, activation: 'gelu' }
      const results = [linear(x, weight, options), composed(linear(x, weight), options)].map((y) =>
        gradients(y, leaves, { gradient: dy }),
      )
      for (const [i, got] of results[0]!.entries()) await expectClose(got, results[1]![i]!, 1e-5)
    }
  })

  const families = new Map(matmulKernel.variants.map((variant) => [variant.family ?? variant.name, variant.name]))
  const splits = matmulKernel.variants.filter(({ name }) => name.endsWith('-split')).map(({ name }) => name)

  for (const variant of new Set([...families.values(), ...splits])) {
    it(`is applied by ${variant}`, async (context) => {
      const dtype = variant.startsWith('matrix') && device.capabilities.f16 ? 'f16' : 'f32'
      const given = Object.fromEntries(names.map((name) => [name, random(shapes[name])]))
      const options: EpilogueOptions = { ...given, activation: 'relu' }
      const [a, b] = [random([3, 1064], dtype), random([1064, 8], dtype)]
      const got = runVariant(variant, () => matmul(a, b, options))
      if (!got) return context.skip()
      const product = withVariant('matmul', 'portable', () => matmul(cast(a, 'f32'), cast(b, 'f32')))
      await expectClose(got, composed(product, options), dtype === 'f16' ? 1e-3 : 2e-5)
    })
  }

  it('takes operands of other types than the factors', async () => {
    const dtype = storage.at(-1)!
    const [x, weight] = [random([3, 5], dtype), random([8, 5], dtype)]
    const options: EpilogueOptions = { bias: random([8]), residual: random([3, 8]), activation: 'silu' }
    const y = linear(x, weight, options)
    expect(y.dtype).toBe(dtype)
    await expectClose(y, composed(linear(cast(x, 'f32'), cast(weight, 'f32')), options), 1e-3)
  })

  it('is one dispatch, also while the tape records', async () => {
    const weight = random([8, 5], 'f32', true)
    const [x, residual] = [random([3, 5]), random([3, 8])]
    const run = () => linear(x, weight, { activation: 'gelu', scale: 0.5, residual })
    for (const forward of [run, () => noGrad(run)]) {
      const { rows } = await profile(device, () => void forward())
      expect(rows.map(({ calls }) => calls)).toEqual([1])
    }
  })

  it('rejects what does not fit', () => {
    const [x, weight] = [random([3, 5]), random([8, 5])]
    expect(() => linear(x, weight, { residual: random([8]) })).toThrow(/linear: the residual \[8\].*\[3, 8\]/)
    expect(() => linear(x, weight, { scale: random([3, 8]) })).toThrow(/the scale.*each of the 8 columns/)
    expect(() => linear(x, weight, { bias: random([5]) })).toThrow(/the bias \[5\]/)
    expect(() => linear(x, weight, { scale: Number.NaN })).toThrow(/scale must be a finite number/)
    expect(() => matmul(x, weight, { transposeB: true, activation: 'tanh' as 'relu' })).toThrow(
      /activation must be one of/,
    )
  })
})

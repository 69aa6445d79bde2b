/** Every variant of a matrix product gives the same values, on every shape that could trip it. */
import { describe, expect, it } from 'vitest'
import { gradients, profile, scope, tensor } from '../../src/engine/index.js'
import { withVariant } from '../../src/engine/kernel.js'
import { linear, matmul } from '../../src/kernels/matmul/index.js'
import { matmulKernel } from '../../src/kernels/matmul/kernel.js'
import { float16ToFloat32, float32ToFloat16 } from '../../src/numeric/half.js'
import { caseValues, largestError, largestMagnitude } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()
const floatTypes = device.capabilities.f16 ? (['f32', 'f16'] as const) : (['f32'] as const)

type Transposes = readonly [a: boolean, b: boolean]

interface Problem {
  readonly name: string
  readonly batch?: number
  readonly extents: readonly [m: number, n: number, k: number]
  readonly transposes: readonly Transposes[]
}

const plain: Transposes = [false, false]
const weights: Transposes = [false, true]
const all: readonly Transposes[] = [plain, weights, [true, false], [true, true]]

const problems: Problem[] = [
  { name: 'more than a tile', extents: [132, 260, 64], transposes: all },
  { name: 'odd', extents: [37, 29, 23], transposes: [plain, [true, true]] },
  { name: 'one row', extents: [1, 40, 72], transposes: [weights] },
  { name: 'one column', extents: [40, 1, 72], transposes: [weights] },
  { name: 'deep', extents: [4, 12, 1060], transposes: [weights] },
  { name: 'batches', batch: 3, extents: [20, 12, 36], transposes: [plain] },
  { name: 'no depth', extents: [4, 8, 0], transposes: [plain] },
]

function values(count: number, seed: number, dtype: 'f32' | 'f16'): Float64Array {
  const exact = caseValues({ shape: [count] }, seed)
  return dtype === 'f32' ? exact : Float64Array.from(float16ToFloat32(float32ToFloat16(Float32Array.from(exact))))
}

describe.each(matmulKernel.variants.map(({ name }) => name))('matmul/%s', (variant) => {
  for (const dtype of floatTypes) {
    for (const { name, batch = 1, extents, transposes } of problems) {
      it(`${name}, ${dtype}`, async (context) => {
        const [m, n, k] = extents
        const a = values(batch * m * k, 1, dtype)
        const b = values(batch * k * n, 2, dtype)
        const want = new Float64Array(batch * m * n)
        for (let at = 0; at < want.length; at++) {
          const [group, i, j] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n]
          for (let p = 0; p < k; p++) want[at]! += a[(group * m + i) * k + p]! * b[(group * k + p) * n + j]!
        }
        let ran = false
        for (const [transposeA, transposeB] of transposes) {
          const got = run({ a, b, batch, extents, dtype, transposeA, transposeB }, variant)
          if (!got) continue
          ran = true
          // f16 results are rounded once; f32 sums of k products in any order.
          const allowed = (dtype === 'f16' ? 1e-3 : 4e-7 * Math.sqrt(k + 1)) * Math.max(1, largestMagnitude(want))
          expect(largestError(await got.data(), want), `${transposeA} ${transposeB}`).toBeLessThanOrEqual(allowed)
          got.dispose()
        }
        if (!ran) context.skip()
      })
    }
  }
})

interface Call extends Omit<Problem, 'name' | 'batch' | 'transposes'> {
  readonly a: Float64Array
  readonly b: Float64Array
  readonly batch: number
  readonly dtype: 'f32' | 'f16'
  readonly transposeA: boolean
  readonly transposeB: boolean
}

const swapped = (data: Float64Array, rows: number, columns: number): Float64Array =>
  data.map((_, at) => {
    const [group, i, j] = [Math.floor(at / (rows * columns)), Math.floor(at / rows) % columns, at % rows]
    return data[(group * rows + j) * columns + i]!
  })

/** The product by one variant, or undefined where it does not take the problem. */
function run({ a, b, batch, extents: [m, n, k], dtype, transposeA, transposeB }: Call, variant: string) {
  return scope(() => {
    const left = tensor(device, transposeA ? swapped(a, m, k) : a, [batch, ...(transposeA ? [k, m] : [m, k])], {
      dtype,
    })
    const right = tensor(device, transposeB ? swapped(b, k, n) : b, [batch, ...(transposeB ? [n, k] : [k, n])], {
      dtype,
    })
    try {
      return withVariant('matmul', variant, () => matmul(left, right, { transposeA, transposeB }))
    } catch (error) {
      if (error instanceof Error && error.name === 'NotSupportedError') return undefined
      throw error
    }
  })
}

describe('gradients', () => {
  it('come from the same kernel, and no transpose is ever written', async () => {
    const x = tensor(device, values(64 * 32, 1, 'f32'), [64, 32], { requiresGrad: true })
    const weight = tensor(device, values(48 * 32, 2, 'f32'), [48, 32], { requiresGrad: true })
    const gradient = tensor(device, values(64 * 48, 3, 'f32'), [64, 48])
    const { rows } = await profile(device, () => {
      for (const value of scope(() => gradients(linear(x, weight), [x, weight], { gradient }))) value.dispose()
    })
    const kernels = new Set(rows.map(({ kernel }) => kernel.split('/')[0]))
    expect([...kernels].filter((name) => name !== 'matmul' && name !== 'matmulCombine')).toEqual([])
    expect(rows.filter(({ kernel }) => kernel.startsWith('matmul/')).reduce((sum, { calls }) => sum + calls, 0)).toBe(3)
    for (const value of [x, weight, gradient]) value.dispose()
  })
})

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

interface Problem {
  readonly name: string
  readonly dtype: 'f32' | 'f16'
  readonly transposeA: boolean
  readonly transposeB: boolean
  readonly batch: number
  /** The first that a variant takes is what it runs: some are for few rows alone, some for a deep k. */
  readonly extents: readonly (readonly [m: number, n: number, k: number])[]
}

const common = { transposeA: false, transposeB: false, batch: 1 }
const weights = { ...common, dtype: 'f16', transposeB: true } as const

/** Many of both; few columns; few rows; very few columns; very few rows; few of both and a deep k. */
const extentsOf = (odd: number, columns: number, k: number) =>
  [
    [132 + odd, 260 + odd, k],
    [260 + odd, columns, k],
    [columns, 260 + odd, k],
    [132 + odd, 4 - odd, k],
    [4 - odd, 260 + odd, k],
    [20 + odd, 72 + odd, k + 960],
  ] as const

const whole = extentsOf(0, 12, 128)
const odd = extentsOf(1, 11, 71)

// For either operand, every two of dtype, transposition and raggedness meet in one of the problems. A pipeline takes a
// second or more to compile on a CPU: problems that only differ in extents share theirs.
const problems: Problem[] = [
  { name: 'whole vectors', ...common, dtype: 'f32', extents: whole },
  { name: 'whole vectors', ...common, dtype: 'f16', extents: whole },
  { name: 'no depth', ...common, dtype: 'f32', extents: [[4, 8, 0]] },
  {
    ...{ name: 'whole vectors, a batch', dtype: 'f16', transposeA: true, transposeB: true, batch: 3 },
    extents: extentsOf(0, 12, 76),
  },
  { name: 'odd', ...weights, extents: odd },
  { name: 'one row', ...weights, extents: [[1, 41, 73]] },
  { name: 'one column', ...weights, extents: [[41, 1, 73]] },
  { name: 'odd', ...common, dtype: 'f32', transposeA: true, extents: odd },
  { name: 'odd', ...common, dtype: 'f32', transposeB: true, extents: odd },
]

function values(count: number, seed: number, dtype: 'f32' | 'f16'): Float64Array {
  const exact = caseValues({ shape: [count] }, seed)
  return dtype === 'f32' ? exact : Float64Array.from(float16ToFloat32(float32ToFloat16(Float32Array.from(exact))))
}

describe.each(matmulKernel.variants.map(({ name }) => name))('matmul/%s', (variant) => {
  for (const problem of problems.filter(({ dtype }) => dtype === 'f32' || device.capabilities.f16)) {
    const { name, dtype, batch, transposeA, transposeB } = problem
    const stored = [...(transposeA ? ['a'] : []), ...(transposeB ? ['b'] : [])]
    it(`${[name, dtype, ...stored.map((operand) => `${operand} transposed`)].join(', ')}`, async (context) => {
      for (const extents of problem.extents) {
        const [m, n, k] = extents
        const a = values(batch * m * k, 1, dtype)
        const b = values(batch * k * n, 2, dtype)
        const got = run({ ...problem, a, b, extents }, variant)
        if (!got) continue
        const want = new Float64Array(batch * m * n)
        for (let at = 0; at < want.length; at++) {
          const [group, i, j] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n]
          for (let p = 0; p < k; p++) want[at]! += a[(group * m + i) * k + p]! * b[(group * k + p) * n + j]!
        }
        // f16 results are rounded once; f32 sums of k products in any order.
        const allowed = (dtype === 'f16' ? 1e-3 : 4e-7 * Math.sqrt(k + 1)) * Math.max(1, largestMagnitude(want))
        expect(largestError(await got.data(), want)).toBeLessThanOrEqual(allowed)
        got.dispose()
        return
      }
      context.skip()
    })
  }
})

interface Call extends Omit<Problem, 'name' | 'extents'> {
  readonly a: Float64Array
  readonly b: Float64Array
  readonly extents: Problem['extents'][number]
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

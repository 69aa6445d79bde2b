/** Every variant of a matrix product gives the same values, on every shape that could trip it. */
import { describe, expect, it } from 'vitest'
import { gradients, profile, scope, type Tensor, tensor } from '../../src/engine/index.js'
import { withVariant } from '../../src/engine/kernel.js'
import { linear, matmul } from '../../src/kernels/matmul/index.js'
import { matmulKernel } from '../../src/kernels/matmul/kernel.js'
import { float16ToFloat32, float32ToFloat16 } from '../../src/numeric/half.js'
import { caseValues, largestError, largestMagnitude } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

type Extents = readonly [m: number, n: number, k: number]

interface Problem {
  readonly name: string
  readonly dtype: 'f32' | 'f16'
  readonly transposeA: boolean
  readonly transposeB: boolean
  readonly batch: number
  /** The first that a variant takes is what it runs: some are for few rows alone, some for a deep k. */
  readonly extents: readonly Extents[]
}

/** Many of both; few columns; few rows; very few columns; very few rows; few of both and a deep k. */
const extentsOf = (odd: number, columns: number, k: number): Extents[] => [
  [132 + odd, 260 + odd, k],
  [260 + odd, columns, k],
  [columns, 260 + odd, k],
  [132 + odd, 4 - odd, k],
  [4 - odd, 260 + odd, k],
  [20 + odd, 72 + odd, k + 960],
]

const whole = extentsOf(0, 12, 128)
const odd = extentsOf(1, 11, 71)
const plain = { transposeA: false, transposeB: false, batch: 1 }
const bothTransposed = { transposeA: true, transposeB: true }

// For either operand, every two of dtype, transposition and raggedness meet in one of the problems. A pipeline takes a
// second or more to compile on a CPU: problems that only differ in extents share theirs.
const problems: Problem[] = [
  { name: 'whole vectors', ...plain, dtype: 'f32', extents: whole },
  { name: 'no depth', ...plain, dtype: 'f32', extents: [[4, 8, 0]] },
  { name: 'whole vectors, a batch', ...bothTransposed, dtype: 'f16', batch: 3, extents: extentsOf(0, 12, 76) },
  // Some variants for software take f16 in whole vectors only.
  { name: 'odd', ...plain, dtype: 'f16', extents: [...odd, ...whole] },
  { name: 'one row', ...plain, dtype: 'f16', extents: [[1, 41, 73]] },
  { name: 'one column', ...plain, dtype: 'f16', extents: [[41, 1, 73]] },
  { name: 'odd', ...bothTransposed, dtype: 'f32', batch: 1, extents: odd },
]

function values(count: number, seed: number, dtype: 'f32' | 'f16'): Float64Array {
  const exact = caseValues({ shape: [count] }, seed)
  return dtype === 'f32' ? exact : Float64Array.from(float16ToFloat32(float32ToFloat16(Float32Array.from(exact))))
}

describe.each(matmulKernel.variants.map(({ name }) => name))('matmul/%s', (variant) => {
  for (const problem of problems.filter(({ dtype }) => dtype === 'f32' || device.capabilities.f16)) {
    const { name, dtype, transposeA, transposeB } = problem
    const stored = [...(transposeA ? ['a'] : []), ...(transposeB ? ['b'] : [])]
    it(`${[name, dtype, ...stored.map((operand) => `${operand} transposed`)].join(', ')}`, async (context) => {
      for (const extents of problem.extents) {
        const operands = operandsFor(problem, extents)
        const got = run(operands, problem, variant)
        if (!got) continue
        const want = operands.product()
        // f16 results are rounded once; f32 sums of k products in any order.
        const allowed = dtype === 'f16' ? 1e-3 : 4e-7 * Math.sqrt(extents[2] + 1)
        expect(largestError(await got.data(), want)).toBeLessThanOrEqual(allowed * Math.max(1, largestMagnitude(want)))
        got.dispose()
        return
      }
      context.skip()
    })
  }
})

interface Operands {
  readonly left: Tensor
  readonly right: Tensor
  /** The product in float64. */
  product(): Float64Array
}

/** Made once, for all variants. */
const made = new Map<string, Operands>()

function operandsFor({ dtype, transposeA, transposeB, batch }: Problem, [m, n, k]: Extents): Operands {
  const key = [dtype, transposeA, transposeB, batch, m, n, k].join()
  const known = made.get(key)
  if (known) return known
  const a = values(batch * m * k, 1, dtype)
  const b = values(batch * k * n, 2, dtype)
  const stored = (data: Float64Array, rows: number, columns: number, isTransposed: boolean) =>
    isTransposed
      ? tensor(device, swapped(data, rows, columns), [batch, columns, rows], { dtype })
      : tensor(device, data, [batch, rows, columns], { dtype })
  let product: Float64Array | undefined
  const operands = {
    left: stored(a, m, k, transposeA),
    right: stored(b, k, n, transposeB),
    product: () => {
      product ??= productOf(a, b, [m, n, k])
      return product
    },
  }
  made.set(key, operands)
  return operands
}

function productOf(a: Float64Array, b: Float64Array, [m, n, k]: Extents): Float64Array {
  const product = new Float64Array(k === 0 ? m * n : (a.length / k) * n)
  for (let at = 0; at < product.length; at++) {
    const [group, i, j] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n]
    for (let p = 0; p < k; p++) product[at]! += a[(group * m + i) * k + p]! * b[(group * k + p) * n + j]!
  }
  return product
}

const swapped = (data: Float64Array, rows: number, columns: number): Float64Array =>
  data.map((_, at) => {
    const [group, i, j] = [Math.floor(at / (rows * columns)), Math.floor(at / rows) % columns, at % rows]
    return data[(group * rows + j) * columns + i]!
  })

/** The product by one variant, or undefined where it does not take the problem. */
function run({ left, right }: Operands, { transposeA, transposeB }: Problem, variant: string): Tensor | undefined {
  try {
    return withVariant('matmul', variant, () => matmul(left, right, { transposeA, transposeB }))
  } catch (error) {
    if (error instanceof Error && error.name === 'NotSupportedError') return undefined
    throw error
  }
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

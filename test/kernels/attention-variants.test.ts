/** Every variant of the attention kernels against the float64 reference: chosen shapes, pairs of options, random ones. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { apply, gradients, NotSupportedError, scope, type Tensor, tensor } from '../../src/engine/index.js'
import { chooseVariant, definedKernel, withVariant } from '../../src/engine/kernel.js'
import { type CaseInput, definedOps, type OpDefinition } from '../../src/engine/op.js'
import { attention } from '../../src/kernels/attention/index.js'
import {
  type AttentionExtra,
  type AttentionOpOptions,
  problemOf as attentionProblemOf,
} from '../../src/kernels/attention/problem.js'
import { mul } from '../../src/kernels/elementwise/index.js'
import { sum } from '../../src/kernels/reduce/index.js'
import { toleranceOf } from '../../src/kernels/tolerances.js'
import { caseValues, largestError, largestMagnitude } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()
// The operation is not part of the kernels' face; the registry has it.
void attention
const op = definedOps().find(({ name }) => name === 'attention') as unknown as OpDefinition<AttentionOpOptions>

interface Problem {
  readonly inputs: readonly CaseInput[]
  readonly options: AttentionOpOptions
}

interface Choice {
  readonly batch: number
  readonly heads: number
  readonly queries: number
  readonly keys: number
  readonly headDim: number
  readonly causal: boolean
  readonly label: 'none' | 'mask' | 'lengths' | 'segments'
  readonly bias: 'none' | 'head' | 'batch'
  readonly rope: boolean
  readonly dropout: boolean
}

function problemOf(choice: Choice): Problem {
  const { batch, heads, queries, headDim, label, bias, rope, dropout } = choice
  // Segments are of self-attention.
  const keys = label === 'segments' ? queries : choice.keys
  const extras: { name: AttentionExtra; input: CaseInput }[] = []
  const counted = (shape: number[], value: (i: number) => number): CaseInput => ({
    shape,
    dtype: 'i32',
    values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i)),
  })
  if (label === 'mask')
    extras.push({ name: 'keyPaddingMask', input: counted([batch, keys], (i) => Number(i % 3 !== 1)) })
  if (label === 'lengths') extras.push({ name: 'keyLengths', input: counted([batch], (i) => (keys * (i + 1)) >> 1) })
  if (label === 'segments') extras.push({ name: 'segments', input: counted([1, keys], (i) => i % 2) })
  if (bias === 'head') extras.push({ name: 'bias', input: { shape: [heads, queries, keys] } })
  if (bias === 'batch') extras.push({ name: 'bias', input: { shape: [batch, heads, queries, keys] } })
  if (rope) {
    extras.push({ name: 'rope', input: { shape: [queries + keys, 2 * headDim], differentiable: false } })
  }
  const side = (tokens: number): CaseInput => ({ shape: [batch, tokens, heads, headDim] })
  return {
    inputs: [side(queries), side(keys), side(keys), ...extras.map(({ input }) => input)],
    options: {
      scale: 0.7,
      causal: choice.causal,
      segmentPenalty: -1.5,
      extras: extras.map(({ name }) => name),
      ...(rope && { rope: { queryRows: queries, keyRows: keys, keyFirst: queries } }),
      ...(dropout && { dropout: { p: 0.3, draw: { seed: 7, index: 3 } } }),
    },
  }
}

/** The result and the gradients of what wants one. */
async function run({ inputs, options }: Problem, dtype: 'f32' | 'f16') {
  const leaves = inputs.map((input, i) => {
    const float = (input.dtype ?? 'f32') === 'f32'
    return tensor(device, caseValues(input, i + 1), input.shape, {
      dtype: float ? dtype : input.dtype!,
      requiresGrad: float && input.differentiable !== false,
    })
  })
  const wanted = leaves.filter(({ requiresGrad }) => requiresGrad)
  const results = scope((): Tensor[] => {
    const y = apply(op, leaves, options)
    const cotangent = tensor(device, caseValues({ shape: y.shape }, 50), y.shape, { dtype })
    return [y, ...gradients(sum(mul(y, cotangent)), wanted)]
  })
  const values = await Promise.all(results.map(async (result) => Float64Array.from(await result.data())))
  for (const value of [...leaves, ...results]) value.dispose()
  return values
}

const kernels = ['attention', 'attentionQueryGradient', 'attentionKeyGradient']

/** Variants by name; compiling all for every combination would take an hour on a software adapter. */
const named = (names: readonly string[]) =>
  kernels.flatMap((kernel) =>
    definedKernel(kernel)!.variants.flatMap(({ name }) => (names.includes(name) ? [{ kernel, name }] : [])),
  )

const every = ['pooling', 'blocks', 'rows-8', 'rows-4', 'rows-2', 'rows-1', 'window', 'portable']

/** The variants that take a problem give what the portable ones give; returns how many did. */
async function agree(problem: Problem, names: readonly string[], dtype: 'f32' | 'f16' = 'f32'): Promise<number> {
  const portable = await kernels.reduce<() => Promise<Float64Array[]>>(
    (inner, kernel) => () => withVariant(kernel, 'portable', inner),
    () => run(problem, dtype),
  )()
  const want = op.reference(
    problem.inputs.map((input, i) => ({ data: caseValues(input, i + 1), shape: input.shape })),
    problem.options,
  )[0]!.data
  const { relative } = toleranceOf('attention', dtype)
  let checked = 0
  for (const { kernel, name } of named(names)) {
    let values: Float64Array[]
    try {
      values = await withVariant(kernel, name, () => run(problem, dtype))
    } catch (error) {
      if (error instanceof NotSupportedError) continue
      throw error
    }
    checked++
    const label = `${kernel}/${name}`
    if (dtype === 'f32') {
      expect(largestError(values[0]!, want), label).toBeLessThanOrEqual(relative * Math.max(1, largestMagnitude(want)))
    }
    for (const [i, value] of values.entries()) {
      const allowed = 4 * relative * Math.max(1, largestMagnitude(portable[i]!))
      expect(largestError(value, portable[i]!), `${label}, result ${i}`).toBeLessThanOrEqual(allowed)
    }
  }
  return checked
}

const plain: Choice = {
  batch: 2,
  heads: 2,
  queries: 9,
  keys: 7,
  headDim: 8,
  causal: false,
  label: 'none',
  bias: 'none',
  rope: false,
  dropout: false,
}

it('every variant', async () => {
  expect(await agree(problemOf(plain), every)).toBe(named(every).length)
})

describe('pairs of options', () => {
  // Every value of every option meets every value of every other one (an orthogonal array of strength two). The
  // operation's own cases run what is picked here; these run the others in turn.
  const labels = ['none', 'mask', 'lengths', 'segments'] as const
  const biases = ['none', 'head', 'batch'] as const
  for (const [i, label] of labels.entries()) {
    for (const [j, bias] of biases.entries()) {
      const flags = { causal: (i + j) % 2 === 1, rope: (i + (j >> 1)) % 2 === 1, dropout: ((i >> 1) + j) % 2 === 1 }
      const on = Object.entries(flags).flatMap(([name, flag]) => (flag ? [name] : []))
      it(`label ${label}, bias ${bias}${on.map((name) => `, ${name}`).join('')}`, async () => {
        const names = (i + j) % 2 === 0 ? ['window'] : ['pooling']
        expect(await agree(problemOf({ ...plain, label, bias, ...flags }), names)).toBe(named(names).length)
      })
    }
  }
})

describe('head sizes', () => {
  for (const headDim of [16, 24, 72]) {
    it(`${headDim}`, async () => {
      await agree(problemOf({ ...plain, batch: 1, heads: 1, queries: 5, keys: 6, headDim }), ['rows-1', 'pooling'])
    })
  }
  it('192, which only the exchange through workgroup memory takes', async () => {
    const problem = problemOf({ ...plain, batch: 1, heads: 1, queries: 5, keys: 6, headDim: 192 })
    expect(await agree(problem, ['rows-1'])).toBe(0)
    expect(await agree(problem, ['pooling'])).toBe(2)
  })
})

it('f16', async () => {
  if (device.capabilities.f16) await agree(problemOf({ ...plain, bias: 'head', label: 'mask' }), ['window'], 'f16')
})

describe('blocks of registers', () => {
  const cases: Record<string, Partial<Choice>> = {
    'several tiles': { queries: 70, keys: 75 },
    'causal, lengths and bias': { queries: 40, keys: 40, causal: true, label: 'lengths', bias: 'head' },
    'dropout, segments and rotary positions': { queries: 37, label: 'segments', rope: true, dropout: true },
    'dropout, a mask, and no whole vectors': { queries: 5, keys: 39, headDim: 9, label: 'mask', dropout: true },
    'a head of several chunks, padded': { batch: 1, queries: 34, keys: 40, headDim: 72 },
    'a head whose own rows do not stay': { batch: 1, heads: 1, queries: 33, keys: 35, headDim: 256 },
  }
  for (const [name, choice] of Object.entries(cases)) {
    it(name, async () => {
      expect(await agree(problemOf({ ...plain, ...choice }), ['blocks'])).toBe(3)
    })
  }
  it.runIf(device.capabilities.f16)('f16', async () => {
    expect(await agree(problemOf({ ...plain, queries: 40, keys: 35, bias: 'head' }), ['blocks'], 'f16')).toBe(3)
  })
})

it('a GPU without subgroup matrices takes blocks of registers, but for few rows and small heads', () => {
  const gpu = { ...device.capabilities, software: false, subgroupMatrixConfigs: [] }
  const taken = (choice: Partial<Choice>) => {
    const { inputs, options } = problemOf({ ...plain, queries: 64, keys: 64, ...choice })
    const problem = attentionProblemOf(
      inputs.map(({ shape, dtype = 'f32' }) => ({ shape, dtype })),
      options,
    )
    return kernels.map(
      (kernel) => chooseVariant(definedKernel(kernel)!, { capabilities: gpu, preferences: undefined }, problem).name,
    )
  }
  expect(taken({ batch: 64, headDim: 64 })).toEqual(['blocks', 'blocks', 'blocks'])
  expect(taken({ batch: 64, headDim: 256 })).toEqual(['blocks', 'blocks', 'blocks'])
  expect(taken({ batch: 64, headDim: 16 })).toEqual(['window', 'window', 'window'])
  expect(taken({ queries: 1, keys: 4096, headDim: 64 })).toEqual(['pooling', 'pooling', 'blocks'])
})

describe('subgroup matrices', () => {
  const matrices = ['matrix-8x8x8']
  const isListed = device.capabilities.subgroupMatrixConfigs.some(
    ({ m, n, k, componentType, resultComponentType }) =>
      m === 8 && n === 8 && k === 8 && componentType === 'f16' && resultComponentType === 'f32',
  )
  const cases: Record<string, Partial<Choice>> = {
    'several tiles, padded features': { queries: 70, keys: 75, headDim: 12 },
    'causal, lengths and bias': { queries: 40, keys: 40, causal: true, label: 'lengths', bias: 'head' },
    'dropout, segments and rotary positions': { queries: 37, label: 'segments', rope: true, dropout: true },
    'a head of 64': { batch: 1, heads: 1, queries: 5, keys: 35, headDim: 64 },
  }
  for (const [name, choice] of Object.entries(cases)) {
    // A software adapter compiles the matrices of large heads for half a minute.
    const runs = isListed && ((choice.headDim ?? 0) < 64 || process.env.VOXGRAD_SLOW_TESTS === '1')
    it.runIf(runs)(name, async () => {
      expect(await agree(problemOf({ ...plain, ...choice }), matrices, 'f16')).toBe(3)
    })
  }
})

it('random shapes', async () => {
  const choices = fc.record({
    batch: fc.integer({ min: 1, max: 3 }),
    heads: fc.integer({ min: 1, max: 3 }),
    queries: fc.integer({ min: 1, max: 40 }),
    keys: fc.integer({ min: 1, max: 40 }),
  })
  await fc.assert(
    // One head size and no options, so that kernels are compiled once and the shapes vary.
    fc.asyncProperty(choices, async (choice) => {
      await agree(problemOf({ ...plain, ...choice }), ['rows-2', 'window', 'blocks'])
    }),
    { numRuns: 8, seed: 20261122 },
  )
})

describe.runIf(process.env.VOXGRAD_SLOW_TESTS === '1')('slow', () => {
  it('13,824 tokens', async () => {
    const shape = [1, 13_824, 1, 8]
    const [q, k, v] = [1, 2, 3].map((seed) =>
      tensor(device, caseValues({ shape }, seed), shape, { requiresGrad: true }),
    )
    await device.sync()
    const before = device.memory().liveBytes
    device.resetPeakMemory()
    const results = scope(() => {
      const y = attention(q!, k!, v!)
      return [y, ...gradients(sum(y), [q!, k!, v!])]
    })
    const values = await Promise.all(results.map((result) => result.data()))
    for (const value of values) expect(value.every(Number.isFinite)).toBe(true)
    // The scores alone would take 764 MB.
    expect(device.memory().peakBytes - before).toBeLessThan(16 * 2 ** 20)
    const [a, b] = [await q!.data(), await k!.data()]
    const scores = Array.from({ length: shape[1]! }, (_, j) => {
      let product = 0
      for (let d = 0; d < 8; d++) product += a[d]! * b[j * 8 + d]!
      return Math.exp(product / Math.sqrt(8))
    })
    const total = scores.reduce((x, y) => x + y, 0)
    const values0 = await v!.data()
    for (let d = 0; d < 8; d++) {
      const want = scores.reduce((x, weight, j) => x + (weight / total) * values0[j * 8 + d]!, 0)
      expect(Math.abs(values[0]![d]! - want)).toBeLessThan(1e-5)
    }
    for (const value of [q!, k!, v!, ...results]) value.dispose()
  })
})

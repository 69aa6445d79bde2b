/** Kernels in which lanes share rows, in both variants and for rows of every order of length. */
import { describe, expect, it } from 'vitest'
import { dispatch } from '../../src/engine/dispatch.js'
import { gradients, type Kernel, scope, type Tensor, tensor, withVariant, zeros } from '../../src/engine/index.js'
import { mul } from '../../src/kernels/elementwise/index.js'
import { crossEntropy } from '../../src/kernels/losses/index.js'
import { layerNorm } from '../../src/kernels/norm/index.js'
import { sum } from '../../src/kernels/reduce/index.js'
import { logSumExp, softmax } from '../../src/kernels/softmax/index.js'
import { normL2, variance } from '../../src/kernels/variance/index.js'
import teamWgsl from '../../src/kernels/variance/team.wgsl'
import teamSubgroupWgsl from '../../src/kernels/variance/team-subgroup.wgsl'
import { caseValues, largestError, largestMagnitude } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()
const kernels = ['softmax', 'softmaxGradient', 'rowNorm', 'rowNormGradient', 'crossEntropyGradient', 'fold']
const variants = device.capabilities.subgroups ? ['subgroup', 'portable'] : ['portable']

/** Runs `fn` with one variant of every kernel of teams. */
const withEach = <T>(variant: string, fn: () => T): T =>
  kernels.reduce<() => T>((inner, kernel) => () => withVariant(kernel, variant, inner), fn)()

type RowFunction = (row: readonly number[], cotangent: readonly number[]) => { y: number[]; dx: number[] }

/** `f(x)` and its gradient for each row in float64. */
const functions: Record<string, { apply: (x: Tensor) => Tensor; reference: RowFunction }> = {
  softmax: {
    apply: (x) => softmax(x),
    reference(row, g) {
      const largest = row.reduce((a, b) => Math.max(a, b))
      const e = row.map((value) => Math.exp(value - largest))
      const total = e.reduce((a, b) => a + b)
      const y = e.map((value) => value / total)
      const product = y.reduce((a, value, i) => a + value * g[i]!, 0)
      return { y, dx: y.map((value, i) => value * (g[i]! - product)) }
    },
  },
  layerNorm: {
    apply: (x) => layerNorm(x),
    reference(row, g) {
      const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
      const mean = average(row)
      const inverse = 1 / Math.sqrt(average(row.map((value) => (value - mean) ** 2)) + 1e-5)
      const y = row.map((value) => (value - mean) * inverse)
      const shift = average(g)
      const slope = average(y.map((value, i) => value * g[i]!))
      return { y, dx: y.map((value, i) => (g[i]! - shift - value * slope) * inverse) }
    },
  },
  logSumExp: {
    apply: (x) => logSumExp(x, { axes: 1, keepDims: true }),
    reference(row, [g]) {
      const total = row.reduce((a, value) => a + Math.exp(value), 0)
      return { y: [Math.log(total)], dx: row.map((value) => (g! * Math.exp(value)) / total) }
    },
  },
  variance: {
    apply: (x) => variance(x, { axes: 1, keepDims: true }),
    reference(row, [g]) {
      const mean = row.reduce((a, b) => a + b) / row.length
      const squares = row.reduce((a, value) => a + (value - mean) ** 2, 0)
      return { y: [squares / row.length], dx: row.map((value) => (2 * g! * (value - mean)) / row.length) }
    },
  },
  normL2: {
    apply: (x) => normL2(x, { axes: 1, keepDims: true }),
    reference(row, [g]) {
      const norm = Math.hypot(...row)
      return { y: [norm], dx: row.map((value) => (g! * value) / norm) }
    },
  },
  crossEntropy: {
    apply: (x) =>
      crossEntropy(x, tensor(device, new Int32Array(x.shape[0]!).fill(1), [x.shape[0]!]), { reduction: 'none' }),
    reference(row, [g]) {
      const total = row.reduce((a, value) => a + Math.exp(value), 0)
      const dx = row.map((value, i) => g! * (Math.exp(value) / total - (i === 1 ? 1 : 0)))
      return { y: [Math.log(total) - row[1]!], dx }
    },
  },
}

const shapes = [
  [5, 3],
  [700, 4],
  [3, 41],
  [9, 260],
  [2, 2600],
  [2, 9001],
  [1, 70000],
] as const

for (const variant of variants) {
  describe(`${variant} variants`, () => {
    for (const [name, { apply, reference }] of Object.entries(functions)) {
      it.each(shapes)(`${name} of %d x %d`, async (rows, length) => {
        const values = caseValues({ shape: [rows, length], range: [-3, 3] }, 1)
        const x = tensor(device, values, [rows, length], { requiresGrad: true })
        const y = withEach(variant, () => apply(x))
        const cotangent = caseValues({ shape: y.shape }, 2)
        const [dx] = withEach(variant, () =>
          scope(() => gradients(sum(mul(y, tensor(device, cotangent, y.shape))), [x])),
        )
        const width = y.size / rows
        const wanted = Array.from({ length: rows }, (_, r) =>
          reference(
            [...values.subarray(r * length, (r + 1) * length)],
            [...cotangent.subarray(r * width, (r + 1) * width)],
          ),
        )
        for (const [got, want] of [
          [await y.data(), wanted.flatMap((row) => row.y)],
          [await dx!.data(), wanted.flatMap((row) => row.dx)],
        ] as const) {
          expect(largestError(got, want)).toBeLessThanOrEqual(4e-6 * largestMagnitude(want))
        }
      })
    }
  })
}

describe('columns in parts', () => {
  it.each([
    [1000, 70],
    [4097, 3],
    [130, 300],
  ])('variance over the first axis of %d x %d', async (length, columns) => {
    const values = caseValues({ shape: [length, columns], range: [4, 9] }, 3)
    const y = scope(() => variance(tensor(device, values, [length, columns]), { axes: 0, unbiased: true }))
    const want = Array.from({ length: columns }, (_, c) => {
      const column = values.filter((_, i) => i % columns === c)
      const mean = column.reduce((a, b) => a + b) / length
      return column.reduce((a, value) => a + (value - mean) ** 2, 0) / (length - 1)
    })
    expect(largestError(await y.data(), want)).toBeLessThanOrEqual(4e-6 * largestMagnitude(want))
  })
})

describe('mergeTeam', () => {
  // Directly, because a software adapter never chooses teams of several subgroups.
  const main = `
    alias State = f32;
    @group(0) @binding(0) var<storage, read_write> merged: array<State>;
    fn merge(a: State, b: State) -> State { return a + b; }
    @compute @workgroup_size(256)
    fn main(@builtin(local_invocation_index) lane: u32) {
      let once = mergeTeam(State(lane), lane);
      merged[lane] = once + mergeTeam(State(lane * 1000u), lane);
    }`
  const { subgroupMinSize } = device.capabilities
  const sources = [
    { name: 'portable', code: teamWgsl, extensions: [] },
    ...(subgroupMinSize > 1 ? [{ name: 'subgroup', code: teamSubgroupWgsl, extensions: ['subgroups'] as const }] : []),
  ]
  for (const { name, code, extensions } of sources) {
    it.each([1, 2, 4, 8, 16, 32, 64, 128, 256])(`${name}: sums in teams of %d`, async (team) => {
      const kernel: Kernel<number> = {
        name: 'mergeTeam test',
        variants: [
          {
            name,
            wgsl: main,
            extensions,
            specialize: () => ({ constants: { TEAM: team, SUBGROUP: subgroupMinSize }, code }),
            workgroups: () => 1,
          },
        ],
      }
      const merged = zeros(device, [256])
      dispatch(device, { kernel, problem: team, inputs: [], outputs: [merged] })
      const sum = (lane: number) => {
        const first = lane - (lane % team)
        return (team * (2 * first + team - 1)) / 2
      }
      expect([...(await merged.data())]).toEqual(Array.from({ length: 256 }, (_, lane) => 1001 * sum(lane)))
    })
  }
})

describe('beyond 65,535 workgroups', () => {
  const rows = 256 * 65_535 + 300
  const pattern = Float32Array.from({ length: rows }, (_, i) => (i % 1013) / 8)

  it('folds every row', async () => {
    using x = tensor(device, pattern, [rows, 1])
    using y = logSumExp(x, { axes: 1 })
    expect(largestError(await y.data(), pattern)).toBeLessThanOrEqual(1e-4)
  })

  it('makes every row of a softmax', async () => {
    using x = tensor(device, pattern, [rows, 1])
    using y = softmax(x)
    const got = await y.data()
    expect(got.every((value) => value === 1)).toBe(true)
  })
})

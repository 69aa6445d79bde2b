import { describe, expect, it } from 'vitest'
import { benchCasesOf, rowLabel, selectCases } from '../../bench/cases.js'
import { boundOf, peakBandwidth, peakFlops } from '../../bench/ceilings.js'
import { backwardFlops, forwardWork, hasBackward } from '../../bench/cost.js'
import { loadOperations } from '../../bench/discover.js'
import { loadModels } from '../../bench/models.js'
import { selectModels } from '../../bench/run-model.js'
import { conventionalCases, gradientCases, quickCases, quickElementwise } from '../../bench/shapes.js'
import { header } from './samples.js'

const { ops, failures } = await loadOperations()
const everything = { filter: undefined, quick: false, dtypes: ['f32', 'f16'] as const, software: false }
const all = selectCases(ops, everything)
const operation = (name: string) => ops.find((op) => op.name === name)!

describe('discovery', () => {
  it('loads every kernel folder', () => {
    expect(failures).toEqual([])
  })

  it('makes rows of every operation that has bench cases', () => {
    const expected = ops.filter((op) => op.cases.some(({ bench }) => bench)).map(({ name }) => name)
    expect(new Set(all.map(({ op }) => op.name))).toEqual(new Set(expected))
    for (const op of ops) {
      const names = benchCasesOf(op).map(({ name }) => name)
      expect(new Set(names).size, `${op.name} has bench cases of one name`).toBe(names.length)
    }
  })

  it('measures a gradient wherever there is one', () => {
    const directions = (name: string) => all.find((found) => found.op.name === name)!.directions
    expect(directions('matmul')).toEqual(['forward', 'backward'])
    const alone = all.filter(({ name }) => gradientCases.has(name))
    expect(alone).toHaveLength(2 * gradientCases.size)
    expect(alone.every(({ directions }) => directions.join() === 'backward')).toBe(true)
    expect(directions('equal')).toEqual(['forward'])
    expect(directions('argMax')).toEqual(['forward'])
    expect(hasBackward(operation('embedding'), benchCasesOf(operation('embedding'))[0]!)).toBe(true)
  })

  it('knows the operations that conventional shapes are for, and takes their shapes', () => {
    for (const [name, cases] of Object.entries(conventionalCases)) {
      for (const test of cases) expect(forwardWork(operation(name), test, 'f32').flops, test.name).toBeGreaterThan(0)
    }
    const names = new Set(all.map(({ name }) => name))
    for (const name of quickCases) expect(names).toContain(name)
    for (const name of quickElementwise) expect(operation(name), name).toBeDefined()
  })

  it('finds the models', async () => {
    const { models, failures: broken } = await loadModels()
    expect(broken).toEqual([])
    const runs = selectModels(models, { ...everything, software: true })
    expect(runs.filter(({ model }) => model === 'colipri').map(({ skip }) => skip === undefined)).toContain(true)
    expect(selectModels(models, { ...everything, quick: true }).every(({ test }) => test.quick)).toBe(true)
  })
})

describe('selection', () => {
  const select = (changes: Partial<Parameters<typeof selectCases>[1]>) =>
    selectCases(ops, { ...everything, ...changes })

  it('filters by operation, case, direction and type', () => {
    const found = select({ filter: /^matmul\/square 256, backward, f16$/ })
    expect(found.map(({ name, directions, dtype }) => directions.map((d) => rowLabel(name, d, dtype)))).toEqual([
      ['matmul/square 256, backward, f16'],
    ])
  })

  it('keeps what is too large for a software adapter as a row, unless it is named', () => {
    const large = (filter: RegExp) =>
      select({ software: true, filter }).find(({ name }) => name === 'matmul/square 8192')
    expect(large(/^matmul/)!.skip).toMatch(/too large/)
    expect(large(/matmul\/square/)!.skip).toMatch(/too large/)
    expect(large(/square 8192/)!.skip).toBeUndefined()
    expect(select({}).every(({ skip }) => skip === undefined)).toBe(true)
  })

  it('takes a case or a few of each operation for --quick, and those that are named', () => {
    const quick = select({ quick: true })
    expect(quick.length).toBeLessThan(all.length / 2)
    expect(quick.map(({ name }) => name)).toContain('matmul/square 512')
    expect(quick.map(({ name }) => name)).not.toContain('matmul/square 8192')
    expect(select({ quick: true, filter: /matmul\/square 1024/ }).map(({ name }) => name)).toContain(
      'matmul/square 1024',
    )
  })

  it('asks for the types that are wanted', () => {
    expect(select({ dtypes: ['f32'] }).every(({ dtype }) => dtype === 'f32')).toBe(true)
  })
})

describe('work and ceilings', () => {
  const { probes } = header()
  const square = benchCasesOf(operation('matmul')).find(({ name }) => name === 'square 256')!

  it('counts halves as two bytes', () => {
    expect(forwardWork(operation('matmul'), square, 'f32')).toEqual({ flops: 2 * 256 ** 3, bytes: 12 * 256 ** 2 })
    expect(forwardWork(operation('matmul'), square, 'f16')).toEqual({ flops: 2 * 256 ** 3, bytes: 6 * 256 ** 2 })
  })

  it('counts two products for the gradients of one', () => {
    expect(backwardFlops('matmul', 100)).toBe(200)
    expect(backwardFlops('attention', 100)).toBe(250)
    expect(backwardFlops('conv3d', 100, true)).toBe(100)
  })

  it('lets only arithmetic that accumulates in f32 be a peak', () => {
    expect(peakFlops(probes, 'f32')).toBe(1000)
    expect(peakFlops(probes, 'f16')).toBe(8000)
  })

  it('takes bandwidth at the working set', () => {
    expect(peakBandwidth(probes, 1000)).toBe(500)
    expect(peakBandwidth(probes, 2 ** 20)).toBe(100)
    expect(peakBandwidth(probes, 2 ** 40)).toBe(100)
    expect(peakBandwidth([], 1)).toBeUndefined()
  })

  it('finds what bounds a case', () => {
    expect(boundOf(probes, { flops: 1e9, bytes: 1e6 }, 'f32')).toEqual({ bound: 'compute', leastMs: 1 })
    expect(boundOf(probes, { flops: 1e6, bytes: 1e8 }, 'f32')).toEqual({ bound: 'memory', leastMs: 1 })
    expect(boundOf([], { flops: 1, bytes: 1 }, 'f32')).toBeUndefined()
  })
})

import { describe, expect, it } from 'vitest'
import { compareRuns, comparisonLines, hasRegressions } from '../../bench/report/compare.js'
import type { Row } from '../../bench/schema.js'
import { header, row, run, scaled } from './samples.js'

const compare = (before: Row, after: Row) => compareRuns(run([before]), run([after]), 0.1)

describe('comparison of runs', () => {
  it('passes what is within the threshold', () => {
    const comparison = compare(row(), scaled(row(), 1.09))
    expect(comparison).toMatchObject({ compared: 1, changes: [] })
    expect(hasRegressions(comparison)).toBe(false)
  })

  it('fails on what is slower beyond it', () => {
    const comparison = compare(row(), scaled(row(), 1.2))
    expect(comparison.changes.map(({ kind }) => kind)).toEqual(['slower'])
    expect(hasRegressions(comparison)).toBe(true)
    expect(comparisonLines(comparison, 0.1)[0]).toMatch(
      /^slower matmul\/square, forward, f32: 1\.00 ms to 1\.20 ms, \+20 %/,
    )
  })

  it('tells what is faster, and passes it', () => {
    const comparison = compare(row(), scaled(row(), 0.8))
    expect(comparison.changes.map(({ kind }) => kind)).toEqual(['faster'])
    expect(hasRegressions(comparison)).toBe(false)
  })

  it('takes a machine that is slower as a whole for no regression, and tells it', () => {
    const probes = header().probes.map((probe) => ({ ...probe, value: probe.value! / 1.5 }))
    const before = run([row()])
    const slowMachine = compareRuns(before, run([{ ...scaled(row(), 1.5), fractionOfProbe: 1 }], { probes }), 0.1)
    expect(slowMachine.changes).toEqual([])
    expect(comparisonLines(slowMachine, 0.1)[0]).toBe('machine f32 multiply-add: 1000 to 667 GFLOP/s')
    const slowKernel = compareRuns(before, run([{ ...scaled(row(), 1.5), fractionOfProbe: 0.8 }], { probes }), 0.1)
    expect(slowKernel.changes.map(({ kind }) => kind)).toEqual(['slower'])
    const paces = (pace: number) => compare(row({ pace: 100 }), { ...scaled(row(), 1.5), pace })
    expect(paces(66).changes).toEqual([])
    expect(paces(100).changes.map(({ kind }) => kind)).toEqual(['slower'])
    // A faster ceiling is not a slower kernel either.
    expect(compare(row(), row({ fractionOfProbe: 0.5 })).changes).toEqual([])
  })

  it('takes overlapping samples for noise', () => {
    const noisy = row({ p20Ms: 0.7, p80Ms: 1.6 })
    expect(compare(noisy, scaled(noisy, 1.3)).changes).toEqual([])
  })

  it('fails on rows that broke, and tells those that were repaired', () => {
    const broken = row({ status: 'wrong', correct: false, medianMs: null })
    expect(hasRegressions(compare(row(), broken))).toBe(true)
    expect(compare(row(), broken).changes[0]!.kind).toBe('broken')
    expect(compare(broken, row()).changes[0]!.kind).toBe('repaired')
    expect(hasRegressions(compare(broken, row()))).toBe(false)
  })

  it('leaves rows alone that only one run has, or that were skipped', () => {
    expect(compare(row({ name: 'other' }), row()).compared).toBe(0)
    expect(compare(row(), row({ status: 'skipped', medianMs: null })).changes).toEqual([])
  })

  it('judges nothing across devices and profiles', () => {
    const slow = [scaled(row(), 2)]
    const elsewhere = { adapter: { vendor: 'acme', architecture: 'two', device: 'GPU 2', description: '' } }
    for (const changes of [elsewhere, { profile: 'safe' as const }, { software: true }]) {
      const comparison = compareRuns(run([row()]), run(slow, changes), 0.1)
      expect(comparison.incomparable).toBeTruthy()
      expect(hasRegressions(comparison)).toBe(false)
      expect(comparisonLines(comparison, 0.1)[0]).toMatch(/^not compared: /)
    }
  })

  it('compares across drivers and software versions', () => {
    const comparison = compareRuns(run([row()]), run([scaled(row(), 2)], { driver: 'driver 6', commit: 'fff' }), 0.1)
    expect(comparison.changes.map(({ kind }) => kind)).toEqual(['slower'])
  })
})

import { describe, expect, it } from 'vitest'
import { geometricMean, median, quantile, summarize } from '../../bench/statistics.js'

describe('statistics of samples', () => {
  it('interpolates quantiles', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5)
    expect(quantile([5], 0.8)).toBe(5)
    expect(quantile([0, 10], 0.2)).toBe(2)
    expect(quantile([], 0.5)).toBeNaN()
  })

  it('leaves its input in order', () => {
    const samples = [3, 1, 2]
    median(samples)
    expect(samples).toEqual([3, 1, 2])
  })

  it('summarises', () => {
    const { samples, median: middle, p20, p80, mad, cv } = summarize([1, 2, 3, 4, 100])
    expect([samples, middle, mad]).toEqual([5, 3, 1])
    expect(p20).toBeCloseTo(1.8)
    expect(p80).toBeCloseTo(23.2)
    expect(cv).toBeGreaterThan(1)
  })

  it('sees no spread in one sample, nor in equal ones', () => {
    expect(summarize([2]).cv).toBe(0)
    expect(summarize([2, 2, 2])).toMatchObject({ mad: 0, cv: 0 })
  })

  it('averages ratios geometrically', () => {
    expect(geometricMean([0.5, 2])).toBeCloseTo(1)
    expect(geometricMean([])).toBeUndefined()
  })
})

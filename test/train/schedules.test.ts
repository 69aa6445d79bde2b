import { describe, expect, it } from 'vitest'
import { cosine, warmupCosine, warmupPoly } from '../../src/train/index.js'

describe('schedules', () => {
  it('start, peak and end where they should', () => {
    const warm = warmupCosine({ base: 2, warmup: 4, total: 20, min: 0.5 })
    expect([0, 1, 4, 12, 20].map(warm)).toEqual([0, 0.5, 2, 1.25, 0.5])
    const plain = cosine({ base: 1, total: 10 })
    expect([0, 5, 10].map(plain)).toEqual([1, 0.5, 0])
    const poly = warmupPoly({ base: 1, warmup: 2, total: 6, exponent: 2 })
    expect([0, 1, 2, 4, 6].map(poly)).toEqual([0, 0.5, 1, 0.25, 0])
  })

  it('keep their last rate beyond the end', () => {
    for (const schedule of [cosine({ base: 1, total: 10, min: 0.1 }), warmupPoly({ base: 1, warmup: 0, total: 10 })]) {
      expect(schedule(15)).toBe(schedule(10))
    }
  })

  it('refuse a warm-up that never ends', () => {
    expect(() => warmupCosine({ base: 1, warmup: 10, total: 10 })).toThrow('warm-up of 10')
    expect(() => cosine({ base: 1, total: 0 })).toThrow('total of 0')
  })
})

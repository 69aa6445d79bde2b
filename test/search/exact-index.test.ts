import { describe, expect, it } from 'vitest'
import { ExactIndex } from '../../src/search/index.js'

describe('ExactIndex', () => {
  it('ranks by cosine, whatever the lengths', () => {
    const index = new ExactIndex(2)
    index.add('east', [5, 0])
    index.add('north', [0, 0.1])
    index.add('north-east', [3, 3])
    expect(index.search([1, 0.9]).map(({ id }) => id)).toEqual(['north-east', 'east', 'north'])
    expect(index.search([0, 2], 1)).toEqual([{ id: 'north', score: 1 }])
  })

  it('grows, and replaces vectors of a known id', () => {
    const index = new ExactIndex(3)
    for (let i = 0; i < 100; i++) index.add(`v${i}`, [Math.cos(i), Math.sin(i), 0.1])
    index.add('v7', [0, 0, 1])
    expect(index.size).toBe(100)
    expect(index.search([0, 0, 1], 1)[0]!.id).toBe('v7')
  })

  it('refuses vectors without direction or of another length', () => {
    const index = new ExactIndex(2)
    expect(() => index.add('zero', [0, 0])).toThrow('no direction')
    expect(() => index.add('nan', [Number.NaN, 1])).toThrow('no direction')
    expect(() => index.search([1, 2, 3])).toThrow('3 numbers')
    expect(() => new ExactIndex(0)).toThrow('positive integer')
  })
})

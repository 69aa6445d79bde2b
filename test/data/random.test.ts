import { describe, expect, test } from 'vitest'
import { DataError } from '../../src/data/errors.js'
import { RandomStream } from '../../src/data/random.js'
import { philox4x32, type Uint32x4 } from '../../src/numeric/philox.js'

describe('philox4x32', () => {
  // Known answers that the authors publish with their library (Random123, kat_vectors).
  const ones = 0xffffffff
  test.each<[Uint32x4, [number, number], Uint32x4]>([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [ones, ones, ones, ones],
      [ones, ones],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('%j with key %j', (counter, key, expected) => {
    expect(philox4x32(counter, key)).toEqual(expected)
  })
})

describe('RandomStream', () => {
  test('starts with the words of counter (0, 0, stream, 0)', () => {
    const words = philox4x32([0, 0, 7, 0], [42, 1])
    const random = new RandomStream(2 ** 32 + 42, 7)
    expect(words.map(() => random.uniform() * 2 ** 32)).toEqual(words)
    expect(random.uniform() * 2 ** 32).toBe(philox4x32([1, 0, 7, 0], [42, 1])[0])
  })

  test('gives standard normal numbers', () => {
    const normal = new Float32Array(200_001)
    new RandomStream(1, 0).fillNormal(normal)
    const mean = normal.reduce((sum, value) => sum + value, 0) / normal.length
    const moment = (power: number) => normal.reduce((sum, value) => sum + value ** power, 0) / normal.length
    // Four standard errors of each.
    expect(Math.abs(mean)).toBeLessThan(0.009)
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.013)
    expect(Math.abs(moment(3))).toBeLessThan(0.035)
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.088)
  })

  test('choose takes every item', () => {
    const random = new RandomStream(5, 0)
    expect(new Set(Array.from({ length: 100 }, () => random.choose(['a', 'b', 'c']))).size).toBe(3)
  })

  test.each([-1, 0.5, Number.NaN, 2 ** 53])('refuses seed %d', (seed) => {
    expect(() => new RandomStream(seed, 0)).toThrow(DataError)
  })
})

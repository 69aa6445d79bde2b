import { describe, expect, it } from 'vitest'
import { kernelFingerprint } from '../../src/engine/fingerprint.js'
import { countBuckets, magnitudeOf, preferencesOf } from '../../src/engine/index.js'
import { doublingKernel } from '../support/tuning.js'

describe('preferences', () => {
  it('come from the first table that knows the kind of problem', () => {
    const mine = { matmul: { small: ['a'] } }
    const shipped = { matmul: { small: ['b'], large: ['c'] }, softmax: { any: ['d'] } }
    const { preferred, describe } = preferencesOf([mine, shipped], 'two tables')
    expect(preferred('matmul', 'small')).toEqual(['a'])
    expect(preferred('matmul', 'large')).toEqual(['c'])
    expect(preferred('softmax', 'any')).toEqual(['d'])
    expect(preferred('softmax', 'other')).toEqual([])
    expect(preferred('constructor', 'name')).toEqual([])
    expect(describe?.()).toBe('two tables')
    expect([mine, shipped].map(countBuckets)).toEqual([1, 3])
  })

  it('share a magnitude up to double the size', () => {
    expect([0, 1, 2, 3, 4, 1023, 1024, 2 ** 31, 2 ** 33].map(magnitudeOf)).toEqual([0, 0, 1, 1, 2, 9, 10, 31, 33])
  })
})

describe('the fingerprint of a kernel', () => {
  const variants = [{ name: 'fast' }, { name: 'portable' }]
  const base = doublingKernel('print', variants)

  it('stays the same for the same sources', () => {
    expect(kernelFingerprint(base as never)).toBe(kernelFingerprint(doublingKernel('print', variants) as never))
    expect(kernelFingerprint(base as never)).toMatch(/^[0-9a-f]{16}$/)
  })

  it('changes with WGSL, also what is put in front of it, names, order and version', () => {
    const others = [
      doublingKernel('print', [{ name: 'fast', expression: 'x[i] + x[i]' }, { name: 'portable' }]),
      doublingKernel('print', [{ name: 'faster' }, { name: 'portable' }]),
      doublingKernel('print', [...variants].reverse()),
      doublingKernel('print', variants.slice(1)),
      { ...base, version: 1 },
      { ...base, sources: ['fn helper() {}'] },
    ]
    const prints = new Set([base, ...others].map((kernel) => kernelFingerprint(kernel as never)))
    expect(prints.size).toBe(7)
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { partitionByPatient, type Study, splits } from '../../../src/data/datasets/index.js'

const study = (id: string, patient: string, text = id): Study => ({ id, patient, images: [], report: { text } })

const anyStudies = fc
  .array(fc.record({ patient: fc.integer({ min: 0, max: 30 }), text: fc.integer({ min: 0, max: 40 }) }), {
    maxLength: 60,
  })
  .map((list) => list.map(({ patient, text }, n) => study(`s${n}`, `p${patient}`, `t${text}`)))

const seeds = fc.integer({ min: 0, max: 0xffffffff })

describe('partitionByPatient', () => {
  test('no patient and no shared text is in two splits, and nothing is lost', () => {
    fc.assert(
      fc.property(anyStudies, seeds, (studies, seed) => {
        const parts = partitionByPatient(studies, { seed, keepTogether: ({ report }) => [report!.text] })
        expect(parts.map(({ id }) => id)).toEqual(studies.map(({ id }) => id))
        for (const key of [(s: Study) => s.patient, (s: Study) => s.report!.text]) {
          const splitOf = new Map<string, string>()
          for (const part of parts) {
            expect(splitOf.get(key(part)) ?? part.split).toBe(part.split)
            splitOf.set(key(part), part.split!)
          }
        }
      }),
    )
  })

  test('the order of the studies does not matter', () => {
    fc.assert(
      fc.property(anyStudies, seeds, (studies, seed) => {
        const byId = (parts: Study[]) => Object.fromEntries(parts.map(({ id, split }) => [id, split]))
        expect(byId(partitionByPatient([...studies].reverse(), { seed }))).toEqual(
          byId(partitionByPatient(studies, { seed })),
        )
      }),
    )
  })

  test('fractions hold by the number of patients; another seed gives others', () => {
    const studies = Array.from({ length: 400 }, (_, n) => study(`s${n}`, `p${n >> 1}`))
    const count = (seed: number, fractions?: { train: number; validation: number; test: number }) => {
      const parts = partitionByPatient(studies, { seed, ...(fractions && { fractions }) })
      return splits.map(
        (split) => new Set(parts.filter((part) => part.split === split).map(({ patient }) => patient)).size,
      )
    }
    expect(count(1)).toEqual([160, 20, 20])
    expect(count(1, { train: 0.5, validation: 0.5, test: 0 })).toEqual([100, 100, 0])
    expect(count(1, { train: 0, validation: 0, test: 1 })).toEqual([0, 0, 200])
    const ids = (seed: number) =>
      partitionByPatient(studies, { seed })
        .filter(({ split }) => split === 'test')
        .map(({ id }) => id)
    expect(ids(1)).not.toEqual(ids(2))
  })

  // Frozen: a stored experiment must find its splits again.
  test('known answers', () => {
    const studies = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => study(name, name))
    const parts = partitionByPatient(studies, { seed: 7, fractions: { train: 0.5, validation: 0.25, test: 0.25 } })
    expect(parts.map(({ split }) => split![0]).join('')).toMatchInlineSnapshot(`"tvttvttt"`)
  })

  test.each([
    [{ seed: 1, fractions: { train: 0.5, validation: 0.1, test: 0.1 } }, /do not add up to 1/],
    [{ seed: 1, fractions: { train: 1.5, validation: -0.5, test: 0 } }, /do not add up to 1/],
    [{ seed: -1 }, /seed -1/],
    [{ seed: 0.5 }, /seed 0\.5/],
  ])('%j is refused', (options, message) => {
    expect(() => partitionByPatient([], options)).toThrow(message)
  })
})

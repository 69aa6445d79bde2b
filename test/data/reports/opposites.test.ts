import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RandomStream } from '../../../src/data/index.js'
import { negateSentence, opposedSentences, SentencePool } from '../../../src/data/reports/index.js'

describe('negateSentence', () => {
  it.each([
    ['There is a nodule in the left lung.', 'There is no nodule in the left lung.'],
    ['There are Kerley lines', 'There are no kerley lines.'],
    ['A small nodule is seen in the lower lobe.', 'No small nodule is seen in the lower lobe.'],
    ['The heart is enlarged.', 'The heart is not enlarged.'],
    ['The aorta shows wall calcification.', 'The aorta does not show wall calcification.'],
    ['Pleural effusion on the right.', 'No pleural effusion on the right.'],
    ['CT shows emphysema.', 'No CT shows emphysema.'],
  ])('%s', (sentence, opposite) => {
    expect(negateSentence(sentence)).toBe(opposite)
  })
})

const sentence = fc.constantFrom('a', 'b', 'c', 'd', 'e').map((text) => ({ text: `${text} is present.` }))
const sections = fc.dictionary(fc.constantFrom('lung', 'heart', 'liver'), fc.array(sentence, { maxLength: 4 }))

describe('opposedSentences', () => {
  it('takes own sentences for true and others only from sections without own ones', () => {
    fc.assert(
      fc.property(fc.array(sections, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 9 }), (all, slots) => {
        const pool = new SentencePool()
        for (const [n, own] of all.entries()) pool.add(`p${n}`, own)
        const own = all[0]!
        const pairs = opposedSentences({ patient: 'p0', sections: own }, pool, new RandomStream(3, 1), slots)
        expect(pairs).toHaveLength(slots)
        const texts = (label: number) => pairs.filter((pair) => pair.label === label).map(({ positive }) => positive)
        const mine = new Set(Object.values(own).flatMap((list) => list.map(({ text }) => text)))
        const borrowable = new Set(
          all
            .slice(1)
            .flatMap((other) =>
              Object.entries(other).flatMap(([section, list]) =>
                (own[section]?.length ?? 0) > 0 ? [] : list.map(({ text }) => text),
              ),
            ),
        )
        expect(texts(1)).toHaveLength(Math.min(Math.ceil(slots / 2), mine.size))
        expect(texts(0)).toHaveLength(Math.min(Math.floor(slots / 2), borrowable.size))
        for (const label of [0, 1]) expect(new Set(texts(label)).size).toBe(texts(label).length)
        expect(texts(1).every((text) => mine.has(text))).toBe(true)
        expect(texts(0).every((text) => borrowable.has(text))).toBe(true)
      }),
    )
  })

  it('takes an opposite that is given, and refuses slots that are none', () => {
    const own = { heart: [{ text: 'The heart is big.', opposite: 'The heart is small.' }] }
    const [pair, rest] = opposedSentences(
      { patient: 'p', sections: own },
      new SentencePool(),
      new RandomStream(1, 1),
      2,
    )
    expect(pair).toEqual({ positive: 'The heart is big.', negative: 'The heart is small.', label: 1 })
    expect(rest!.label).toBe(-1)
    const wrong = () => opposedSentences({ patient: 'p', sections: own }, new SentencePool(), new RandomStream(1, 1), 0)
    expect(wrong).toThrow('0 slots')
  })
})

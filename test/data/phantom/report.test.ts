import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  findingFacts,
  phantomAnatomies,
  phantomCase,
  phantomFindings,
  phantomPrompts,
  phantomTokens,
  phantomVocabulary,
  phantomWords,
  sentenceLists,
} from '../../../src/data/phantom/index.js'
import { findingSentences } from '../../../src/data/phantom/sentences.js'
import { splitClinicalSentences, splitSentences } from '../../../src/data/text/index.js'

const cases = fc.integer({ min: 0, max: 2 ** 40 }).map((seed) => phantomCase(seed))

describe('a report', () => {
  test('states exactly the labels', () => {
    fc.assert(
      fc.property(cases, ({ labels, report: { sentences } }) => {
        for (const section of [sentences.findings, sentences.impression]) {
          const stated = section.filter(({ kind }) => kind === 'positive').map(({ finding }) => finding!)
          expect(stated.sort()).toEqual(phantomFindings.filter((name) => labels[name] === 1).sort())
          for (const { kind, finding } of section) if (kind === 'negative') expect(labels[finding!]).toBe(0)
        }
        for (const { kind, anatomy } of sentences.findings) {
          const ill = phantomFindings.some((name) => labels[name] === 1 && findingFacts[name].anatomy === anatomy)
          if (kind === 'normal') expect(ill).toBe(false)
        }
      }),
    )
  })

  test('falls into its sentences again, and leaves no slot open', () => {
    fc.assert(
      fc.property(cases, ({ report }) => {
        for (const section of ['findings', 'impression'] as const) {
          const texts = report.sentences[section].map(({ text }) => text)
          expect(splitClinicalSentences(report[section]).map(({ text }) => text)).toEqual(texts)
          expect(splitSentences(report[section], 'clinical')).toEqual(texts)
          expect(report[section]).not.toMatch(/[{}]| {2}|undefined/)
        }
      }),
    )
  })

  test('makes captions that are abnormal where something is found', () => {
    fc.assert(
      fc.property(cases, ({ labels, captions, decomposition }) => {
        expect(Object.keys(captions)).toEqual([...phantomAnatomies])
        for (const anatomy of phantomAnatomies) {
          const ill = phantomFindings.some((name) => labels[name] === 1 && findingFacts[name].anatomy === anatomy)
          expect(captions[anatomy].abnormal).toBe(ill)
          expect(anatomy in decomposition.impression).toBe(ill)
        }
      }),
    )
  })

  test('lists statements with their opposites by anatomy', () => {
    fc.assert(
      fc.property(cases, ({ labels, report }) => {
        const lists = sentenceLists(report)
        const positive = phantomAnatomies.flatMap((anatomy) => lists[anatomy].positive)
        expect(positive).toHaveLength(phantomFindings.filter((name) => labels[name] === 1).length)
        for (const { text, opposite } of positive) {
          expect(report.findings).toContain(text)
          expect(opposite).toMatch(/\b(no|not)\b/i)
        }
      }),
    )
  })

  test('varies its words', () => {
    const texts = Array.from({ length: 400 }, (_, seed) => phantomCase(seed).report.findings)
    for (const [name, { statements, negations }] of Object.entries(findingSentences)) {
      for (const sentence of [...statements.map(([text]) => text), ...negations]) {
        const words = sentence.split(/\{\w+\}(?:ly)?/).sort((a, b) => b.length - a.length)[0]!
        expect(
          texts.some((text) => text.includes(words)),
          `${name}: ${sentence}`,
        ).toBe(true)
      }
    }
  })
})

describe('the word list', () => {
  const words = new Set(phantomWords())

  test('has every word of every report, caption and prompt', () => {
    const prompts = phantomFindings.flatMap((name) => Object.values(phantomPrompts(name)).flat())
    expect(prompts.flatMap(phantomTokens).filter((word) => !words.has(word))).toEqual([])
    fc.assert(
      fc.property(cases, ({ report, captions }) => {
        const opposites = report.sentences.findings.map(({ opposite = '' }) => opposite)
        const encoded = Object.values(captions).map((caption) => caption.encoded)
        const texts = [report.findings, report.impression, ...opposites, ...encoded]
        expect(texts.flatMap(phantomTokens).filter((word) => !words.has(word))).toEqual([])
      }),
    )
  })

  test('is short, sorted, and a vocabulary', () => {
    expect([...words]).toEqual([...words].sort())
    expect(words.size).toBeLessThan(400)
    expect(phantomVocabulary().size).toBe(words.size + 5)
  })
})

test('prompts say that a finding is there and that it is not', () => {
  for (const name of phantomFindings) {
    const { present, absent } = phantomPrompts(name)
    expect(present.length).toBeGreaterThanOrEqual(3)
    expect(absent.length).toBeGreaterThanOrEqual(3)
    expect(new Set([...present, ...absent]).size).toBe(present.length + absent.length)
  }
})

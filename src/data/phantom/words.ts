import { specialTokenTexts, Vocabulary } from '../text/vocabulary.js'
import { type PhantomFindingName, phantomFindings } from './findings.js'
import { phantomAnatomies } from './organs.js'
import { findingPlaces } from './plan.js'
import { countWords } from './report.js'
import {
  catheterSentences,
  degreeWords,
  findingSentences,
  normalImpressions,
  normalSentences,
  remarks,
  techniqueSentences,
} from './sentences.js'

/** Sizes in mm that reports name. */
const HIGHEST_SIZE_MM = 120

/** What BERT's basic tokenizer makes of a text without accents: words, numbers and single marks, in lower case. */
export const phantomTokens = (text: string): string[] => text.toLowerCase().match(/[a-z]+|\d+|[^\sa-z\d]/g) ?? []

/** Every word and mark that a report, caption or prompt can hold, sorted. */
export function phantomWords(): string[] {
  const degrees = Object.values(degreeWords).flat()
  const sentences = Object.values(findingSentences).flatMap(({ statements, several = [], impressions, negations }) => [
    ...statements.flat(),
    ...several.flat(),
    ...impressions,
    ...negations,
  ])
  const texts = [
    ...sentences
      .map((text) => text.replace(/\{(location|size|many)\}/g, ' '))
      .flatMap((text) =>
        text.includes('{degree}') ? degrees.map((degree) => text.replaceAll('{degree}', degree)) : [text],
      ),
    ...findingPlaces,
    ...countWords,
    ...Object.values(normalSentences).flat(),
    ...Object.values(techniqueSentences).flat(),
    ...remarks,
    ...catheterSentences,
    ...normalImpressions,
    ...phantomFindings,
    ...phantomAnatomies.map((anatomy) => `${anatomy} shows no significant abnormalities.`),
    ...Array.from({ length: HIGHEST_SIZE_MM + 1 }, (_, size) => String(size)),
  ]
  return [...new Set(texts.flatMap(phantomTokens))].sort()
}

/** A BERT vocabulary of {@link phantomWords}, behind [PAD], [UNK], [CLS], [SEP] and [MASK]. */
export const phantomVocabulary = (): Vocabulary => new Vocabulary([...specialTokenTexts, ...phantomWords()])

/** Sentences that say that a finding is there, and that it is not, without any place or size: for zero-shot evaluation. */
export function phantomPrompts(finding: PhantomFindingName): { readonly present: string[]; readonly absent: string[] } {
  const { statements, impressions, negations } = findingSentences[finding]
  const present = [...statements.map(([statement]) => statement), ...impressions]
  return { present: present.filter((text) => !text.includes('{')), absent: [...negations] }
}

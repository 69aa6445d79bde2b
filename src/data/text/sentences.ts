import { splitClinicalSentences } from './clinical-sentences.js'
import { splitUpstreamSentences } from './upstream-sentences.js'

const splitters = {
  upstream: (text: string) => splitUpstreamSentences(text),
  clinical: (text: string) => splitClinicalSentences(text).map((span) => span.text),
}

/**
 * `upstream` is VELVET-Med's own splitter with its quirks, for weights trained with it; `clinical` keeps decimals,
 * measurements and abbreviations together and loses no character.
 */
export type SentenceSplitter = keyof typeof splitters

/** The sentences of a report. */
export function splitSentences(text: string, splitter: SentenceSplitter): string[] {
  return splitters[splitter](text)
}

/** Taking a report apart without any language model: sentence by sentence, by words. */
import { splitClinicalSentences } from '../../text/clinical-sentences.js'
import { mentions } from './lexicon.js'

/** What stands beside results of the rules. */
export const offlineNotice =
  'Made by rules, not by a language model: whole sentences, given to every anatomy of which they have a word. Words of ' +
  'the lexicon only are found, and what a sentence means by "it" or "there" is not.'

/**
 * The sentences of a section that have a word of an anatomy, joined by spaces, for each anatomy that has any. Sentences stay
 * whole, so that negations do; one that names two anatomies is of both, one that names none of neither.
 */
export function decomposeByRules(section: string, anatomies: readonly string[]): Record<string, string> {
  const sentences = splitClinicalSentences(section).map(({ text }) => text.replace(/\s+/g, ' '))
  return Object.fromEntries(
    anatomies.flatMap((anatomy) => {
      const own = sentences.filter((sentence) => mentions(sentence, anatomy))
      return own.length === 0 ? [] : [[anatomy, own.join(' ')]]
    }),
  )
}

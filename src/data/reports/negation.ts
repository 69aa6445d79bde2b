/** Turns a sentence that states a finding into one that denies it, by rules. */

const lowerFirst = (text: string): string => (/^[A-Z][a-z]/.test(text) ? text[0]!.toLowerCase() + text.slice(1) : text)
const upperFirst = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)

/** Without article and final stop. */
const bare = (text: string): string =>
  text
    .trim()
    .replace(/[.\s]+$/, '')
    .replace(/^(?:an?|some|the)\s+/i, '')

/** Verbs of findings, and what denies them. */
const denied: Readonly<Record<string, string>> = {
  is: 'is not',
  are: 'are not',
  was: 'was not',
  were: 'were not',
  has: 'does not have',
  have: 'do not have',
  shows: 'does not show',
  show: 'do not show',
  appears: 'does not appear',
  appear: 'do not appear',
  contains: 'does not contain',
  demonstrates: 'does not demonstrate',
}

/**
 * "There is a nodule." to "There is no nodule."; "A nodule is seen in the lung." to "No nodule is seen in the lung.";
 * "The heart is enlarged." to "The heart is not enlarged."; anything else to "No ...". COLIPRI's own way is unknown; these
 * rules follow an independent re-implementation (reference colipri §5.4), but keep the case of the text.
 */
export function negateSentence(sentence: string): string {
  const text = sentence.trim().replace(/[.\s]+$/, '')
  const there = /^there\s+(is|are|was|were)\s+(.+)$/is.exec(text)
  if (there) return `There ${there[1]!.toLowerCase()} no ${lowerFirst(bare(there[2]!))}.`
  const seen =
    /^(.+?)\s+((?:is|are|was|were)\s+(?:seen|noted|present|observed|identified|visible|detected)\b.*)$/is.exec(text)
  if (seen) return `No ${lowerFirst(bare(seen[1]!))} ${seen[2]!}.`
  const verb = /^(the\s.+?)\s+(is|are|was|were|has|have|shows?|appears?|contains|demonstrates)\s+(.+)$/is.exec(text)
  if (verb) return `${upperFirst(verb[1]!)} ${denied[verb[2]!.toLowerCase()]!} ${verb[3]!}.`
  return `No ${lowerFirst(bare(text))}.`
}

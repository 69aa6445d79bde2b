/** Opposed sentences (COLIPRI's Opposite Sentence Loss, reference colipri §5.4): what is true of a patient, and what is not. */
import { DataError } from '../errors.js'
import type { RandomStream } from '../random.js'
import { negateSentence } from './negation.js'

/** A sentence that states a finding. */
export interface PositiveSentence {
  readonly text: string
  /** The same in the negative. Default: by the rules of {@link negateSentence}. */
  readonly opposite?: string | undefined
}

/** Positive sentences of a patient by section. */
export type PositiveSections = Readonly<Record<string, readonly PositiveSentence[]>>

export interface OpposedSentence {
  readonly positive: string
  readonly negative: string
  /** 1: the positive is true of the patient. 0: it was borrowed, and its opposite is. -1: fills up, does not count. */
  readonly label: 1 | 0 | -1
}

/** Positive sentences of all patients by section, to borrow from. */
export class SentencePool {
  readonly #sections = new Map<
    string,
    Map<string, { readonly sentence: PositiveSentence; readonly owners: Set<string> }>
  >()

  add(patient: string, sections: PositiveSections): void {
    for (const [section, sentences] of Object.entries(sections)) {
      const known = this.#sections.get(section) ?? new Map()
      this.#sections.set(section, known)
      for (const sentence of sentences) {
        const entry = known.get(sentence.text) ?? { sentence, owners: new Set<string>() }
        entry.owners.add(patient)
        known.set(sentence.text, entry)
      }
    }
  }

  /** Different sentences of other patients, from sections in which this one has none. */
  foreign(patient: string, own: PositiveSections): PositiveSentence[] {
    const found = new Map<string, PositiveSentence>()
    for (const [section, sentences] of this.#sections) {
      if ((own[section]?.length ?? 0) > 0) continue
      for (const [text, { sentence, owners }] of sentences) {
        if (owners.size > 1 || !owners.has(patient)) found.set(text, sentence)
      }
    }
    return [...found.values()]
  }
}

/**
 * K pairs of a sentence and its opposite: of the patient's own at most half of K, rounded up, then borrowed ones, at most
 * half of K, rounded down; the rest is filled up and does not count. Drawn without replacement. Throws a DataError for a K
 * that is no positive whole number.
 */
export function opposedSentences(
  { patient, sections }: { readonly patient: string; readonly sections: PositiveSections },
  pool: SentencePool,
  random: RandomStream,
  slots = 8,
): OpposedSentence[] {
  if (!Number.isSafeInteger(slots) || slots < 1) throw new DataError(`${slots} slots for opposed sentences`)
  const own = new Map(Object.values(sections).flatMap((sentences) => sentences.map((one) => [one.text, one] as const)))
  const pairs = (from: readonly PositiveSentence[], most: number, label: 1 | 0): OpposedSentence[] =>
    drawn(from, most, random).map(({ text, opposite }) => ({
      ...{ positive: text, negative: opposite ?? negateSentence(text), label },
    }))
  const chosen = [
    ...pairs([...own.values()], Math.ceil(slots / 2), 1),
    ...pairs(pool.foreign(patient, sections), Math.floor(slots / 2), 0),
  ]
  const filler: OpposedSentence = { positive: '', negative: '', label: -1 }
  return [...chosen, ...Array.from({ length: slots - chosen.length }, () => filler)]
}

/** At most `count` of the items, without replacement. */
function drawn<Item>(items: readonly Item[], count: number, random: RandomStream): Item[] {
  const rest = [...items]
  for (let n = 0; n < Math.min(count, rest.length); n++) {
    const other = Math.floor(random.uniform(n, rest.length))
    ;[rest[n], rest[other]] = [rest[other]!, rest[n]!]
  }
  return rest.slice(0, count)
}

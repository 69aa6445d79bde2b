import { DataError } from '../errors.js'

/** The tokens that every BERT vocabulary has to hold, by what they are for. */
const specialTokens = { pad: '[PAD]', unknown: '[UNK]', start: '[CLS]', end: '[SEP]', mask: '[MASK]' } as const

/** Ids of the special tokens. Google's BERT has them at 0 and 100 to 103, CXR-BERT at 0 to 4: never assume them. */
export type SpecialIds = Readonly<Record<keyof typeof specialTokens, number>>

export const specialTokenTexts: readonly string[] = Object.values(specialTokens)

/** Word pieces by id. */
export class Vocabulary {
  readonly special: SpecialIds
  readonly #tokens: readonly string[]
  readonly #ids: ReadonlyMap<string, number>

  /**
   * @param tokens the token of id 0, 1, ... A vocabulary with a hole, with a token that stands twice, or without one of
   * [PAD], [UNK], [CLS], [SEP] and [MASK] is refused with a DataError; `path` names it there.
   */
  constructor(tokens: readonly string[], path = 'vocabulary') {
    const ids = new Map<string, number>()
    for (const [id, token] of tokens.entries()) {
      if (token === '') throw new DataError(`the token of id ${id} is empty`, { path, remedy: REMEDY })
      const first = ids.get(token)
      if (first !== undefined) {
        throw new DataError(`'${token}' stands at ids ${first} and ${id}`, { path, remedy: REMEDY })
      }
      ids.set(token, id)
    }
    const missing = specialTokenTexts.filter((token) => !ids.has(token))
    if (missing.length > 0) {
      throw new DataError(`${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not in it`, {
        path,
        remedy: REMEDY,
      })
    }
    this.#tokens = [...tokens]
    this.#ids = ids
    this.special = Object.fromEntries(
      Object.entries(specialTokens).map(([role, token]) => [role, ids.get(token)!]),
    ) as SpecialIds
  }

  get size(): number {
    return this.#tokens.length
  }

  id(token: string): number | undefined {
    return this.#ids.get(token)
  }

  /** Throws a DataError for an id that the vocabulary does not have. */
  token(id: number): string {
    const token = this.#tokens[id]
    if (token === undefined) throw new DataError(`id ${id} is not one of the ${this.size} of the vocabulary`)
    return token
  }

  tokens(): readonly string[] {
    return this.#tokens
  }
}

const REMEDY = 'A vocabulary is one token a line, its id the line number from 0'

/** Reads a `vocab.txt`: one token a line, its id the line number from 0. Throws a DataError as the constructor does. */
export function parseVocabulary(text: string, path = 'vocab.txt'): Vocabulary {
  // Only these line ends: a token may well be another character that Unicode calls a line separator.
  const lines = text.split(/\r\n|\n|\r/)
  if (lines.at(-1) === '') lines.pop()
  return new Vocabulary(lines, path)
}

/** Who may attend to whom in TriBERT (reference §1.3). */

/** Token types and padding of texts, row-major `[texts, tokens]`. */
export interface SentenceRows {
  readonly shape: readonly [texts: number, tokens: number]
  /** Number of the sentence from 1 on; 0 for padding. [CLS] belongs to the first. */
  readonly types: ArrayLike<number>
  /** 1 for a token, 0 for padding. */
  readonly attention: ArrayLike<number>
}

export interface SentenceMaskOptions {
  /**
   * Sentences end where the type changes, and upstream takes the last such place for the end of the text. That is
   * harmless before padding, but of a text that fills every position the last sentence's token sees everything and the
   * one before it reaches to the end. Default true, as the weights were trained; false ends every sentence where it ends.
   */
  readonly boundaryQuirk?: boolean | undefined
}

/**
 * 1 where the row's query may see the column's key, `[texts, tokens, tokens]`: [CLS] and words see every token, and the
 * token that opens a sentence sees [CLS] and its sentence.
 */
export function sentenceMask(rows: SentenceRows, { boundaryQuirk = true }: SentenceMaskOptions = {}): Uint8Array {
  const [texts, tokens] = rows.shape
  const allowed = paddingMask(rows)
  for (let text = 0; text < texts; text++) {
    const type = (token: number): number => rows.types[text * tokens + token]!
    const ends: number[] = []
    for (let token = 1; token < tokens; token++) if (type(token) !== type(token - 1)) ends.push(token)
    if (boundaryQuirk) ends[Math.max(0, ends.length - 1)] = tokens
    else if (type(tokens - 1) !== 0) ends.push(tokens)
    const starts = [1, ...ends.slice(0, -1)]
    for (const [sentence, start] of starts.entries()) {
      for (let key = 1; start < tokens && key < tokens; key++) {
        if (key < start || key >= ends[sentence]!) allowed[(text * tokens + start) * tokens + key] = 0
      }
    }
  }
  return allowed
}

/** The same without sentences: every query sees every token. */
export function paddingMask({ shape: [texts, tokens], attention }: Omit<SentenceRows, 'types'>): Uint8Array {
  const allowed = new Uint8Array(texts * tokens * tokens)
  for (let row = 0; row < texts * tokens; row++) {
    const text = Math.floor(row / tokens)
    for (let key = 0; key < tokens; key++) allowed[row * tokens + key] = attention[text * tokens + key]!
  }
  return allowed
}

export interface BertNormalizerOptions {
  readonly lowercase: boolean
  readonly stripAccents: boolean
  readonly splitChinese: boolean
}

/** Ideographs that become words of their own: the ranges of Google's BERT, with the sixth as the Rust library has it. */
const chineseRanges: readonly (readonly [number, number])[] = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b920, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
]

const isChinese = (code: number): boolean => chineseRanges.some(([first, last]) => code >= first && code <= last)

/** NUL, the replacement character, and control, format, private and surrogate characters other than tab and line ends. */
const dropped = /[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/u

/**
 * The text clean-up in front of WordPiece, as the Rust library `tokenizers` does it. Its JavaScript sister differs in two
 * ways that change ids: it looks at UTF-16 halves, so that ideographs beyond U+FFFF are not split off, and it lowers
 * words instead of characters, so that a final capital sigma becomes another letter. Characters newer than Unicode 8 may
 * still differ: Rust's tables end there.
 */
export function normalizeForBert(
  text: string,
  { lowercase, stripAccents, splitChinese }: BertNormalizerOptions,
): string {
  let clean = ''
  for (const character of text) {
    if (dropped.test(character)) continue
    if (/\s/.test(character)) clean += ' '
    else if (splitChinese && isChinese(character.codePointAt(0)!)) clean += ` ${character} `
    else clean += character
  }
  if (stripAccents) clean = clean.normalize('NFD').replace(/\p{Mn}/gu, '')
  return lowercase ? Array.from(clean, (character) => character.toLowerCase()).join('') : clean
}

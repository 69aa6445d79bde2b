/** What Python's `str.strip` and `str.split` take for white space: not quite JavaScript's. */
const isSpace = (unit: string): boolean =>
  (/\s/.test(unit) && unit !== '\ufeff') || '\x1c\x1d\x1e\x1f\x85'.includes(unit)

function strip(text: string): string {
  let [start, end] = [0, text.length]
  while (start < end && isSpace(text[start]!)) start++
  while (end > start && isSpace(text[end - 1]!)) end--
  return text.slice(start, end)
}

function countWords(text: string): number {
  let words = 0
  for (let n = 0; n < text.length; n++) {
    if (!isSpace(text[n]!) && (n === 0 || isSpace(text[n - 1]!))) words++
  }
  return words
}

/** The field names that M3D-Cap writes into its case files. */
export const m3dHeaderWords: readonly string[] = [
  'Title:',
  'presentation:',
  'patient:',
  'Age:',
  'Gender:',
  'study_findings:',
  'discussion:',
]

/** Longer pieces are split at their line ends. */
const MOST_WORDS = 30

/**
 * Sentences as VELVET-Med's own code makes them, with all its quirks, for weights that were trained on them: `3.5 cm`
 * becomes `3.` and `5 cm`, `...` leaves lone points, removed header words leave double spaces, and pieces from splitting
 * at line ends keep their outer spaces. A text of header words only gives no sentence (upstream then fails).
 *
 * Blocks end at three or more line ends; inside a block a sentence ends after `.`, `!` or `?`.
 */
export function splitUpstreamSentences(text: string, headerWords: readonly string[] = m3dHeaderWords): string[] {
  return text
    .split(/\n{3,}/)
    .flatMap((block) => block.split(/(?<=[.!?])/))
    .flatMap((piece) => {
      const bare = strip(headerWords.reduce((rest, word) => rest.replaceAll(word, ''), piece))
      return countWords(bare) > MOST_WORDS ? bare.split('\n') : [bare]
    })
    .map((piece) => piece.replace(/[\xa0\n]/g, ' '))
    .filter((piece) => strip(piece) !== '')
}

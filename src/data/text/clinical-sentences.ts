/** A part of a text. */
export interface TextSpan {
  /** Index of its first UTF-16 unit. */
  readonly start: number
  /** Index after its last. */
  readonly end: number
  readonly text: string
}

/** A point after these never ends a sentence. */
const abbreviations = new Set(
  'dr drs mr mrs ms prof st vs cf approx ca fig figs e.g i.e eg ie viz incl resp'.split(' '),
)

/** A point after these ends a sentence only where the next word is capitalised. */
const mayEndSentence = new Set(
  (
    'al etc jr sr rt lt ant post sup inf med lat min max diam hx pt pts dept a.m p.m ' +
    'cm mm ml cc kg mg g m sec in ft hr hrs yr yrs mo wk wks'
  ).split(' '),
)

/** Before an initial: `Dr. J. Smith`. */
const titles = new Set('dr drs mr mrs ms prof st'.split(' '))

/** Where a line opens an item: `1.`, `2)`, `-`, `*` or a bullet. */
const listMarker = /^[ \t]*(?:\d{1,2}[.)]|\(\d{1,2}\)|[-*•–])[ \t]+\S/

/**
 * Sentences of a radiology report, with their places in the text. Every character that is not white space lies in
 * exactly one of them, in order, and none begins or ends with white space.
 *
 * A sentence ends at `.`, `!` or `?` before white space, at an empty line, and before a line that opens a list item or
 * begins with a capitalised word. It does not end at the points of decimals, measurements (`3.2 x 1.1 cm`),
 * abbreviations (`Dr.`, `vs.`, `e.g.`), initials after a title and list numbers. A missing space (`normal.No mass`) is
 * noticed.
 */
export function splitClinicalSentences(text: string): TextSpan[] {
  const spans: TextSpan[] = []
  let start = 0
  const close = (end: number): void => {
    const piece = text.slice(start, end)
    const trimmed = piece.trim()
    if (trimmed !== '') {
      const first = start + piece.length - piece.trimStart().length
      spans.push({ start: first, end: first + trimmed.length, text: trimmed })
    }
    start = end
  }
  // A run of marks with closing quotes and brackets, or white space from a line end on.
  for (const match of text.matchAll(/[.!?]+["'”’)\]]*|\n\s*/g)) {
    const end = match.index + match[0].length
    const breaks = match[0].trim() === '' ? breaksAtLine(text, match.index, end) : breaksAtMark(text, start, match)
    if (breaks) close(end)
  }
  close(text.length)
  return spans
}

/** Characters looked at on either side, which bounds the time on texts that are none. */
const CONTEXT = 60

/** White space from `index`, a line end, to `end`. */
function breaksAtLine(text: string, index: number, end: number): boolean {
  if (/\n\s*\n/.test(text.slice(index, end))) return true
  const next = text.slice(text.lastIndexOf('\n', end - 1) + 1, end + CONTEXT)
  return listMarker.test(next) || /^\s*\p{Lu}\p{Ll}/u.test(next)
}

function breaksAtMark(text: string, start: number, match: RegExpExecArray): boolean {
  const [marks] = match
  const end = match.index + marks.length
  const before = text.slice(Math.max(start, match.index - CONTEXT), match.index)
  const after = text.slice(end, end + CONTEXT)
  if (after === '') return true
  if (!/^\s/.test(after)) return marks === '.' && /\p{Ll}{2}$/u.test(before) && /^\p{Lu}\p{Ll}/u.test(after)
  const capitalised = /^\s+["'“‘([]*\p{Lu}/u.test(after)
  if (marks.startsWith('..')) return !/^\s+\p{Ll}/u.test(after)
  // ` ? metastasis` asks for something, it does not end.
  if (marks === '?') return !/(^|\s)$/.test(before) || capitalised
  return marks === '.' ? breaksAtPoint(before, after, capitalised) : true
}

function breaksAtPoint(before: string, after: string, capitalised: boolean): boolean {
  const words = before.trim().split(/\s+/)
  const word = words.at(-1)!.replace(/^["'“‘([]+/, '')
  // Item numbers, at the start of a sentence or after `Findings:`.
  if (/^\d{1,2}$/.test(word) && (words.length === 1 || words.at(-2)!.endsWith(':'))) return false
  const lower = word.toLowerCase()
  if (lower === 'no') return !/^\s+\d/.test(after)
  if (abbreviations.has(lower)) return false
  if (mayEndSentence.has(lower)) return capitalised || /^\s+\d{1,2}[.)]\s/.test(after)
  const previous = words.at(-2)?.toLowerCase() ?? ''
  const isInitial = /^\p{Lu}$/u.test(word) && previous.endsWith('.') && titles.has(previous.slice(0, -1))
  return !isInitial
}

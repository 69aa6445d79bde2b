import type { TextSpan } from './clinical-sentences.js'

/** What a section of a report is about. `preamble` is what stands before the first heading. */
export type SectionKind =
  | 'preamble'
  | 'examination'
  | 'clinical'
  | 'technique'
  | 'comparison'
  | 'findings'
  | 'impression'
  | 'recommendation'
  | 'addendum'

export interface ReportSection {
  readonly kind: SectionKind
  /** The heading as it stands in the text, without its colon; absent for a preamble. */
  readonly heading?: TextSpan
  /** What follows the heading up to the next, without outer white space. May be empty. */
  readonly body: TextSpan
}

/** The wordings of headings, in lower case with single spaces. */
const headings: Readonly<Record<string, Exclude<SectionKind, 'preamble'>>> = {
  ...all('examination', 'exam', 'examination', 'procedure', 'study', 'study type', 'type of examination'),
  ...all('clinical', 'clinical information', 'clinical history', 'clinical indication', 'clinical data', 'history'),
  ...all('clinical', 'indication', 'indications', 'reason for exam', 'reason for examination', 'reason for study'),
  ...all('clinical', 'clinical question', 'clinical details', 'presentation'),
  ...all('technique', 'technique', 'techniques', 'method', 'methods', 'protocol', 'imaging technique'),
  ...all('comparison', 'comparison', 'comparisons', 'prior', 'priors', 'prior studies', 'prior examinations'),
  ...all('findings', 'finding', 'findings', 'study findings', 'study_findings', 'description', 'report', 'result'),
  ...all('findings', 'results', 'radiological findings', 'imaging findings', 'ct findings', 'observations'),
  ...all('impression', 'impression', 'impressions', 'conclusion', 'conclusions', 'opinion', 'summary', 'diagnosis'),
  ...all('impression', 'interpretation', 'assessment', 'final impression', 'impression and recommendation'),
  ...all('impression', 'impression and recommendations', 'impression/recommendation', 'impression/recommendations'),
  ...all('recommendation', 'recommendation', 'recommendations', 'advice', 'follow-up', 'follow up'),
  ...all('addendum', 'addendum', 'addenda'),
}

function all<Kind extends SectionKind>(kind: Kind, ...wordings: string[]): Record<string, Kind> {
  return Object.fromEntries(wordings.map((wording) => [wording, kind]))
}

const wording = Object.keys(headings)
  .sort((a, b) => b.length - a.length)
  .map((text) => text.replaceAll(' ', '[ \\t]+'))
  .join('|')

/**
 * A wording at the start of a line (markup such as `**` or `#` around it allowed), ended by a colon, by a dash with a
 * space, or by the line; or anywhere after the end of a sentence when it is ended by a colon.
 */
const headingPattern = new RegExp(
  `(?:^[ \\t]*(?:[#*_]+[ \\t]*)?(?<line>${wording})[*_]*[ \\t]*(?:[:：][*_]*|[-–—](?=\\s)|(?=\\r?$))` +
    `|(?<=[.!?;)][ \\t]{1,8})(?<inside>${wording})[ \\t]*[:：])`,
  'gimu',
)

/**
 * The sections of a radiology report, in order; together they hold the whole text but for headings and white space.
 * Headings are known wordings (`FINDINGS:`, `Impression -`, `Conclusion` on a line of its own, ...), in any case. Others,
 * such as `LUNGS:`, stay in the section around them: they divide findings, they do not end them. A text without any
 * heading is one preamble.
 */
export function parseReportSections(text: string): ReportSection[] {
  const matches = [...text.matchAll(headingPattern)]
  const sections: ReportSection[] = []
  const preamble = trimmedSpan(text, 0, matches[0]?.index ?? text.length)
  if (preamble.text !== '') sections.push({ kind: 'preamble', body: preamble })
  for (const [n, match] of matches.entries()) {
    const words = match.groups!.line ?? match.groups!.inside!
    const kind = headings[words.toLowerCase().replace(/[ \t]+/g, ' ')]!
    const start = match.index + match[0].indexOf(words)
    const heading = { start, end: start + words.length, text: words }
    const bodyEnd = matches[n + 1]?.index ?? text.length
    sections.push({ kind, heading, body: trimmedSpan(text, match.index + match[0].length, bodyEnd) })
  }
  return sections
}

/** The text of all sections of a kind, one to a line; empty when there is none. */
export function reportSection(text: string, kind: SectionKind): string {
  const bodies = parseReportSections(text).filter((section) => section.kind === kind)
  return bodies.map(({ body }) => body.text).join('\n')
}

function trimmedSpan(text: string, start: number, end: number): TextSpan {
  const piece = text.slice(start, end)
  const first = start + piece.length - piece.trimStart().length
  const trimmed = piece.trim()
  return trimmed === '' ? { start, end: start, text: '' } : { start: first, end: first + trimmed.length, text: trimmed }
}

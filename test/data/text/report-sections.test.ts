import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseReportSections, reportSection } from '../../../src/data/text/index.js'

const parsed = (text: string) => parseReportSections(text).map(({ kind, body }) => [kind, body.text])

describe('headings', () => {
  test.each<[string, string, string[][]]>([
    [
      'with a colon',
      'FINDINGS: Clear.\nImpression: Ok.',
      [
        ['findings', 'Clear.'],
        ['impression', 'Ok.'],
      ],
    ],
    [
      'on a line of their own',
      'Findings\nClear.\r\nCONCLUSION\r\nOk',
      [
        ['findings', 'Clear.'],
        ['impression', 'Ok'],
      ],
    ],
    [
      'with a dash',
      'Findings - clear\nOpinion – ok',
      [
        ['findings', 'clear'],
        ['impression', 'ok'],
      ],
    ],
    [
      'with markup',
      '**Findings:** clear\n## Impression\nok',
      [
        ['findings', 'clear'],
        ['impression', 'ok'],
      ],
    ],
    [
      'inside a line, after a sentence',
      'Clear. IMPRESSION: ok',
      [
        ['preamble', 'Clear.'],
        ['impression', 'ok'],
      ],
    ],
    [
      'of several words',
      'CLINICAL  HISTORY: cough\nReason for exam: pain',
      [
        ['clinical', 'cough'],
        ['clinical', 'pain'],
      ],
    ],
    [
      'others',
      'EXAM: CT\nTECHNIQUE: axial\nCOMPARISON: none',
      [
        ['examination', 'CT'],
        ['technique', 'axial'],
        ['comparison', 'none'],
      ],
    ],
    [
      'without a body',
      'FINDINGS:\nIMPRESSION:',
      [
        ['findings', ''],
        ['impression', ''],
      ],
    ],
    ['of organs stay inside', 'FINDINGS:\nLUNGS: clear\nHEART: ok', [['findings', 'LUNGS: clear\nHEART: ok']]],
    [
      'are no ordinary words',
      'Findings of edema: none. The impression: ok',
      [['preamble', 'Findings of edema: none. The impression: ok']],
    ],
    [
      'of M3D-Cap',
      'presentation: cough\nstudy_findings: clear',
      [
        ['clinical', 'cough'],
        ['findings', 'clear'],
      ],
    ],
    ['none at all', '', []],
  ])('%s', (_, text, sections) => {
    expect(parsed(text)).toEqual(sections)
  })

  test('sections of one kind are joined', () => {
    expect(reportSection('Findings: a\nImpression: b\nAddendum: c\nFindings: d', 'findings')).toBe('a\nd')
    expect(reportSection('Findings: a', 'impression')).toBe('')
  })
})

test('places are right, and nothing but headings, their marks and white space is lost', () => {
  const parts = [
    'FINDINGS:',
    'impression',
    'Conclusion -',
    '**Findings:**',
    '\n',
    '\r\n',
    ' ',
    '. ',
    'clear',
    ':',
    '-',
    'é',
    '#',
  ]
  const anyReport = fc.array(fc.constantFrom(...parts)).map((list) => list.join(''))
  fc.assert(
    fc.property(anyReport, (text) => {
      let covered = 0
      for (const { heading, body } of parseReportSections(text)) {
        if (heading) {
          expect(text.slice(covered, heading.start)).toMatch(/^[\s#*_]*$/)
          expect(text.slice(heading.start, heading.end)).toBe(heading.text)
          expect(text.slice(heading.end, body.start)).toMatch(/^[\s:*_-]*$/)
        } else expect(text.slice(covered, body.start).trim()).toBe('')
        expect(text.slice(body.start, body.end)).toBe(body.text)
        covered = body.end
      }
      expect(text.slice(covered).trim()).toBe('')
    }),
    { numRuns: 500 },
  )
})

test('texts that are none take linear time', () => {
  for (const unit of ['. ', ' ', '# ', 'findings ', '\n ', 'findings']) {
    expect(parseReportSections(unit.repeat(20_000)).length).toBeLessThan(2)
  }
})

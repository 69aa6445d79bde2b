import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { splitClinicalSentences, splitSentences, splitUpstreamSentences } from '../../../src/data/text/index.js'

describe('upstream', () => {
  const long = `${'the left lung is normal and '.repeat(6)}clear`

  // The quirks of VELVET-Med's code, kept for weights that were trained with it.
  test.each<[string, string, string[]]>([
    [
      'headers go, their content stays',
      'Title: Large effusion\n\n\npresentation: 45 year old.\npatient: Age: 45 Gender: Male',
      ['Large effusion', '45 year old.', '45  Male'],
    ],
    ['decimals break', 'A 3.5 cm mass, left!?', ['A 3.', '5 cm mass, left!', '?']],
    ['lone points', 'Mild... with fluid.. low\n\n\n\nNo.', ['Mild.', '.', '.', 'with fluid.', '.', 'low', 'No.']],
    ['line ends are spaces', 'normal.No mass\u00a0seen\nThe heart', ['normal.', 'No mass seen The heart']],
    ['long pieces break at line ends', `${long}\n two\n\nthree.`, [long, ' two', 'three.']],
    ['headers only', 'Title:\n\n\n\n', []],
    ['Python does not strip a byte order mark', '\ufeff a \x1f', ['\ufeff a']],
  ])('%s', (_, text, sentences) => {
    expect(splitUpstreamSentences(text)).toEqual(sentences)
    expect(splitSentences(text, 'upstream')).toEqual(sentences)
  })
})

describe('clinical', () => {
  test.each<[string, string, string[]]>([
    ['decimals and measurements', 'A 3.5 cm mass, 3.2 x 1.1 cm. Stable.', ['A 3.5 cm mass, 3.2 x 1.1 cm.', 'Stable.']],
    ['a unit inside a sentence', 'It is 3 cm. in diameter. Next', ['It is 3 cm. in diameter.', 'Next']],
    ['titles and initials', 'Seen by Dr. J. Smith vs. prior. Ok', ['Seen by Dr. J. Smith vs. prior.', 'Ok']],
    ['single letters that are no initials', 'Segment B. No mass.', ['Segment B.', 'No mass.']],
    ['abbreviations', 'E.g. nodules, i.e. masses, etc. The end.', ['E.g. nodules, i.e. masses, etc.', 'The end.']],
    ['numbers of things', 'No. 5 nodule. Fracture? No. Stable.', ['No. 5 nodule.', 'Fracture?', 'No.', 'Stable.']],
    ['lower case', 'no effusion. heart is normal', ['no effusion.', 'heart is normal']],
    ['inline lists', 'Findings: 1. Mild. 2. No mass.', ['Findings: 1. Mild.', '2. No mass.']],
    ['lists', '1. Mild\n2) No\n- one\n• two', ['1. Mild', '2) No', '- one', '• two']],
    ['wrapped lines', 'The left\nlung is\nclear', ['The left\nlung is\nclear']],
    ['one finding a line', 'No effusion\nHeart normal', ['No effusion', 'Heart normal']],
    ['empty lines', 'findings\r\n \r\nclear', ['findings', 'clear']],
    ['a missing space', 'Lungs normal.No mass', ['Lungs normal.', 'No mass']],
    ['dates and sites', 'On 12.5.2020 www.example.org ok', ['On 12.5.2020 www.example.org ok']],
    ['an ellipsis', 'Fluid... in the lung... Next', ['Fluid... in the lung...', 'Next']],
    ['a doubt', 'Opacity ? metastasis. New? Yes', ['Opacity ? metastasis.', 'New?', 'Yes']],
    ['closing quotes and brackets', '(see Fig. 3.) Then "so." Next.', ['(see Fig. 3.)', 'Then "so."', 'Next.']],
    ['nothing', ' \n ', []],
  ])('%s', (_, text, sentences) => {
    expect(splitSentences(text, 'clinical')).toEqual(sentences)
  })

  const reportText = fc.array(
    fc.constantFrom(
      ...[
        'Dr.',
        'vs.',
        '3.5',
        'cm',
        '.',
        '!',
        '?',
        '...',
        ' ',
        '  ',
        '\n',
        '\n\n',
        '\r\n',
        '1.',
        '- ',
        'Heart',
        'lung',
      ],
      ...['No', 'A', '"', ')', ':', 'é', '肺', '\u{1f600}', '\t', '\u00a0'],
    ),
  )

  test('no character is lost, none is in two sentences, places are right', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          reportText.map((parts) => parts.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          let covered = 0
          for (const { start, end, text: sentence } of splitClinicalSentences(text)) {
            expect(text.slice(covered, start).trim()).toBe('')
            expect(text.slice(start, end)).toBe(sentence)
            expect(sentence).toBe(sentence.trim())
            expect(sentence).not.toBe('')
            covered = end
          }
          expect(text.slice(covered).trim()).toBe('')
        },
      ),
      { numRuns: 500 },
    )
  })

  test('texts that are none take linear time', () => {
    for (const unit of ['.', '1.', 'a. ', ' ', '\n', '. \n', '"', 'Dr. ']) {
      const text = unit.repeat(20_000)
      const kept = splitClinicalSentences(text)
        .map((span) => span.text)
        .join('')
      expect(kept.replace(/\s/g, '').length).toBe(text.replace(/\s/g, '').length)
      splitUpstreamSentences(text)
    }
  })
})

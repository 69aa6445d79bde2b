import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bleu, rougeL, tokenize13a, tokenizeSpaces } from '../../../src/train/metrics/index.js'

const pair = (hypothesis: string, ...references: string[]) => ({
  hypothesis: tokenizeSpaces(hypothesis),
  references: references.map(tokenizeSpaces),
})

describe('BLEU', () => {
  // From sacreBLEU 2.6.0.
  const mild = pair('mild lung nodule .', 'a mild lung nodule on the left .', 'lung nodule')
  test.each([
    ['none', { kind: 'none' }, 0],
    ['floor', { kind: 'floor' }, 0.4272870063962344],
    ['add-k', { kind: 'add-k' }, 0.7071067811865478],
    ['exponential', { kind: 'exponential' }, 0.6389431042462729],
  ] as const)('smoothing: %s', (_, smoothing, expected) => {
    expect(bleu([mild], { smoothing })).toBeCloseTo(expected, 12)
  })

  test('an exact copy is 1, no common token is 0', () => {
    const words = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 4, maxLength: 12 })
    fc.assert(
      fc.property(words, (list) => {
        expect(bleu([{ hypothesis: list, references: [['x'], list] }])).toBeCloseTo(1, 12)
        expect(bleu([{ hypothesis: list, references: [['x', 'y', 'z', 'w']] }], { smoothing: { kind: 'floor' } })).toBe(
          0,
        )
      }),
    )
  })

  test('tokens with spaces are not taken apart', () => {
    expect(bleu([{ hypothesis: ['a b', 'c'], references: [['a', 'b c']] }], { maxOrder: 2 })).toBe(0)
  })

  test('refuses what has no score', () => {
    expect(() => bleu([])).toThrow(/no texts/)
    expect(() => bleu([pair('a')])).toThrow(/no reference/)
    expect(() => bleu([pair('a', 'a')], { maxOrder: 0 })).toThrow(/maxOrder 0/)
  })
})

describe('tokens of mteval-v13a', () => {
  // From sacreBLEU 2.6.0.
  test.each([
    ['A 3.5 cm mass, (left).', ['A', '3.5', 'cm', 'mass', ',', '(', 'left', ')', '.']],
    ['x &quot;y&quot; 1,000-2', ['x', '"', 'y', '"', '1,000', '-', '2']],
    ['well-known pre-\nfix', ['well-known', 'prefix']],
    ["don't 5%", ["don't", '5', '%']],
  ])('%j', (text, tokens) => {
    expect(tokenize13a(text)).toEqual(tokens)
  })
})

describe('ROUGE-L', () => {
  test('the longest common subsequence, found by trying all', () => {
    const words = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 7 })
    const isSubsequence = (part: string[], whole: string[]) => {
      let n = 0
      for (const token of whole) if (token === part[n]) n++
      return n === part.length
    }
    fc.assert(
      fc.property(words, words, (a, b) => {
        let longest = 0
        for (let set = 0; set < 2 ** a.length; set++) {
          const part = a.filter((_, n) => (set >> n) & 1)
          if (part.length > longest && isSubsequence(part, b)) longest = part.length
        }
        const { precision, recall, f1 } = rougeL(a, b)
        expect(precision).toBeCloseTo(longest === 0 ? 0 : longest / a.length, 12)
        expect(recall).toBeCloseTo(longest === 0 ? 0 : longest / b.length, 12)
        expect(f1).toBeCloseTo(longest === 0 ? 0 : (2 * longest) / (a.length + b.length), 12)
      }),
    )
  })
})

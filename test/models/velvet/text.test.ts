import { describe, expect, it } from 'vitest'
import { Generator } from '../../../src/engine/index.js'
import { drawRows } from '../../../src/models/velvet/objectives.js'
import { sentenceMask } from '../../../src/models/velvet/sentence-mask.js'
import { textLevels } from '../../../src/models/velvet/text-levels.js'
import { drawMasking, maskTokens, reportTokens } from '../../../src/models/velvet/text-tokens.js'

function seen(types: number[], row: number, boundaryQuirk = true): number[] {
  const t = types.length
  const attention = types.map((type) => Number(type > 0))
  const allowed = sentenceMask({ shape: [1, t], types, attention }, { boundaryQuirk })
  return Array.from(allowed.subarray(row * t, (row + 1) * t)).flatMap((see, key) => (see ? [key] : []))
}

const upTo = (end: number, start = 0): number[] => Array.from({ length: end - start }, (_, n) => start + n)

describe('sentenceMask', () => {
  const padded = [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 0, 0, 0, 0, 0]
  const full = [1, 1, 1, 1, 2, 2, 2, 3, 3, 3]

  it('lets the token of a sentence see [CLS] and its sentence', () => {
    expect(seen(padded, 1)).toEqual([0, 1, 2, 3])
    expect(seen(padded, 4)).toEqual([0, 4, 5, 6, 7])
    expect(seen(padded, 12)).toEqual([0, 12, 13])
    expect(seen(padded, 14)).toEqual([0, 14])
    for (const row of [0, 2, 5, 13, 17]) expect(seen(padded, row)).toEqual(upTo(15))
  })

  it('loses the last boundary of a full text, unless told not to', () => {
    expect(seen(full, 4)).toEqual([0, ...upTo(10, 4)])
    expect(seen(full, 7)).toEqual(upTo(10))
    expect(seen(full, 4, false)).toEqual([0, 4, 5, 6])
    expect(seen(full, 7, false)).toEqual([0, 7, 8, 9])
  })
})

const pieces = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'lung', 'clear', '##ly', '.']
const tokenizer = {
  pieces: (text: string) => text.split(' '),
  vocabulary: { id: (piece: string) => pieces.indexOf(piece) },
  special: { pad: 0, start: 2, end: 3, mask: 4 },
}

describe('reportTokens', () => {
  it('opens sentences with their tokens and cuts at the end', () => {
    const rows = reportTokens([['lung clear ##ly .', 'lung .'], ['lung']], tokenizer, {
      firstSentenceId: 9,
      maxTokens: 8,
    })
    expect([...rows.ids]).toEqual([2, 9, 5, 6, 7, 8, 10, 5, 2, 9, 5, 0, 0, 0, 0, 0])
    expect([...rows.types]).toEqual([1, 1, 1, 1, 1, 1, 2, 2, 1, 1, 1, 0, 0, 0, 0, 0])
    expect([...rows.attention]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
  })

  it('keeps the first sentences, or those that a seed chooses, in order', () => {
    const report = ['lung', 'clear', '.', 'lung', 'clear']
    const options = { firstSentenceId: 9, maxTokens: 12, maxSentences: 2 }
    expect([...reportTokens([report], tokenizer, options).ids.subarray(0, 5)]).toEqual([2, 9, 5, 10, 6])
    const drawn = () => [...reportTokens([report], tokenizer, { ...options, generator: new Generator(3) }).ids]
    expect(drawn()).toEqual(drawn())
  })

  it('refuses an empty batch', () => {
    expect(() => reportTokens([], tokenizer)).toThrow(/no reports/)
  })
})

describe('textLevels', () => {
  const tokens = { startId: 2, firstSentenceId: 9, isContinuation: (id: number) => id === 7 }

  it('merges pieces, and loses the last word of a full row', () => {
    const { ids, attention, types, shape } = reportTokens([['clear ##ly .', 'lung .']], tokenizer, {
      firstSentenceId: 9,
      maxTokens: 8,
    })
    const { merged, word, sentence } = textLevels({ shape, ids, attention, types }, tokens)
    expect([merged.counts, word.counts, sentence.counts]).toEqual([[6], [3], [2]])
    expect([...word.weights.subarray(0, 8)]).toEqual([0, 0, 1, 1, 0, 0, 0, 0])
    const third = Math.fround(1 / 3)
    expect([...sentence.weights.subarray(0, 8)]).toEqual([0, third, third, third, third, 0, 0, 0])
  })
})

describe('masking', () => {
  it('leaves special tokens alone and repeats for a seed', () => {
    const ids = Int32Array.from({ length: 400 }, (_, n) => [0, 2, 5, 6, 9][n % 5]!)
    const options = { special: tokenizer.special, firstSentenceId: 9, probability: 0.5 }
    const masked = maskTokens(ids, drawMasking(400, 20, new Generator(7)), options)
    expect(masked).toEqual(maskTokens(ids, drawMasking(400, 20, new Generator(7)), options))
    for (const [n, id] of ids.entries()) {
      if (id === 5 || id === 6) expect([-100, id]).toContain(masked.labels[n])
      else expect([masked.ids[n], masked.labels[n]]).toEqual([id, -100])
    }
    expect(masked.labels.filter((label) => label >= 0).length).toBeGreaterThan(40)
  })

  it('draws rows by weight and never one without', () => {
    const weights = [0, 0.2, 0.6, 0.1, 0, 0.3]
    expect([...drawRows(weights, [0.1, 0.1])]).toEqual([1, 0])
    expect([...drawRows(weights, [0.9999999, 0.9999999])]).toEqual([2, 2])
  })
})

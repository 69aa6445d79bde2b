import type { CaseInput, OpCase } from '../../engine/op.js'
import type { AttentionOpOptions } from './problem.js'

type AttentionCase = OpCase<AttentionOpOptions>

interface Sizes {
  readonly batch: number
  readonly queries: number
  readonly keys: number
  readonly heads: number
  readonly headDim: number
}

function attentionCase(
  name: string,
  { batch, queries, keys, heads, headDim }: Sizes,
  more: Partial<AttentionOpOptions> & { readonly inputs?: readonly CaseInput[]; readonly bench?: boolean } = {},
): AttentionCase {
  const { inputs = [], bench, ...options } = more
  const side = (tokens: number): CaseInput => ({ shape: [batch, tokens, heads, headDim] })
  return {
    name,
    inputs: [side(queries), side(keys), side(keys), ...inputs],
    options: { scale: 1 / Math.sqrt(headDim), causal: false, segmentPenalty: -100, extras: [], ...options },
    ...(bench ? { bench } : {}),
  }
}

const sizes = (batch: number, queries: number, keys: number, heads: number, headDim: number): Sizes => ({
  batch,
  queries,
  keys,
  heads,
  headDim,
})

/** Every third key is padding, and so are all keys of the last batch entry. */
const paddingMask = (batch: number, keys: number): CaseInput => ({
  shape: [batch, keys],
  dtype: 'u32',
  values: Array.from({ length: batch * keys }, (_, i) => (i < (batch - 1) * keys && i % 3 !== 0 ? 1 : 0)),
})

const segments = (entries: number, tokens: number): CaseInput => ({
  shape: [entries, tokens],
  dtype: 'i32',
  values: Array.from({ length: entries * tokens }, (_, i) => (i * 7) % 3),
})

/** A rotary table; any numbers do. */
const table = (rows: number, headDim: number): CaseInput => ({ shape: [rows, 2 * headDim], differentiable: false })

const shared = (rows: number) => ({ queryRows: rows, keyRows: rows, keyFirst: 0 })

export const attentionCases: readonly AttentionCase[] = [
  attentionCase('one query, one key', sizes(2, 1, 1, 2, 8)),
  attentionCase('vectors', sizes(2, 7, 5, 3, 12)),
  attentionCase('numbers', sizes(1, 5, 6, 2, 7)),
  attentionCase('several tiles', sizes(1, 35, 70, 2, 8)),
  attentionCase('keys in parts', sizes(1, 2, 530, 1, 4)),
  attentionCase('queries in parts', sizes(1, 530, 2, 1, 4)),
  attentionCase('wide heads', sizes(1, 3, 5, 1, 136)),
  attentionCase('causal', sizes(1, 9, 9, 2, 4), { causal: true, scale: 2 }),
  attentionCase('padding, and a batch without keys', sizes(3, 4, 7, 2, 8), {
    extras: ['keyPaddingMask'],
    inputs: [paddingMask(3, 7)],
  }),
  attentionCase('causal and padding', sizes(2, 6, 6, 1, 4), {
    causal: true,
    extras: ['keyPaddingMask'],
    inputs: [paddingMask(2, 6)],
  }),
  attentionCase('bias per head', sizes(2, 5, 4, 3, 4), { extras: ['bias'], inputs: [{ shape: [3, 5, 4] }] }),
  attentionCase('bias per key, padding', sizes(2, 3, 4, 2, 4), {
    extras: ['keyPaddingMask', 'bias'],
    inputs: [paddingMask(2, 4), { shape: [2, 1, 1, 4] }],
  }),
  attentionCase('shifted windows of two images', sizes(6, 8, 8, 2, 4), {
    extras: ['segments', 'bias'],
    segmentPenalty: -1.5,
    inputs: [segments(3, 8), { shape: [3, 2, 8, 8] }],
  }),
  attentionCase('lengths, one of them 0', sizes(3, 4, 9, 1, 8), {
    extras: ['keyLengths'],
    inputs: [{ shape: [3], dtype: 'i32', values: [9, 0, 5] }],
  }),
  attentionCase('rotary positions', sizes(2, 6, 6, 2, 12), {
    extras: ['rope'],
    inputs: [table(6, 12)],
    rope: shared(6),
  }),
  attentionCase('rotary positions of both sides', sizes(2, 5, 3, 1, 8), {
    extras: ['rope'],
    inputs: [table(2 * 5 + 3, 8)],
    rope: { queryRows: 10, keyRows: 3, keyFirst: 10 },
  }),
  attentionCase('dropout', sizes(2, 5, 7, 2, 8), { dropout: { p: 0.4, draw: { seed: 3, index: 1 } } }),
  attentionCase('dropout of everything', sizes(1, 3, 4, 1, 4), { dropout: { p: 1, draw: { seed: 3, index: 1 } } }),
  attentionCase('dropout, padding', sizes(2, 3, 5, 1, 4), {
    extras: ['keyPaddingMask'],
    inputs: [paddingMask(2, 5)],
    dropout: { p: 0.4, draw: { seed: 3, index: 4 } },
  }),
  attentionCase('dropout, bias', sizes(2, 9, 4, 2, 4), {
    extras: ['bias'],
    inputs: [{ shape: [2, 9, 4] }],
    dropout: { p: 0.4, draw: { seed: 3, index: 5 } },
  }),
  attentionCase('dropout, padding, bias', sizes(2, 3, 5, 1, 4), {
    extras: ['keyPaddingMask', 'bias'],
    inputs: [paddingMask(2, 5), { shape: [2, 1, 3, 5] }],
    dropout: { p: 0.4, draw: { seed: 3, index: 6 } },
  }),
  attentionCase('everything at once', sizes(2, 9, 9, 2, 8), {
    causal: true,
    extras: ['keyLengths', 'bias', 'rope'],
    inputs: [{ shape: [2], dtype: 'u32', values: [6, 9] }, { shape: [2, 9, 9] }, table(9, 8)],
    rope: shared(9),
    dropout: { p: 0.3, draw: { seed: 5, index: 2 } },
  }),
  attentionCase('no keys', sizes(1, 2, 0, 1, 4)),
  attentionCase('Primus-M, 96³ crop', sizes(1, 1728, 1728, 12, 72), { bench: true }),
  attentionCase('Primus-M, 192³', sizes(1, 13824, 13824, 12, 72), { bench: true }),
  attentionCase('attention pooler', sizes(1, 1, 13824, 12, 64), { bench: true }),
  attentionCase('attention pooler, 384³', sizes(1, 1, 110592, 12, 64), { bench: true }),
  attentionCase('fVLM', sizes(1, 1232, 1232, 12, 64), { bench: true }),
  attentionCase('27 image tokens', sizes(8, 512, 27, 6, 128), { bench: true }),
  attentionCase('BERT', sizes(8, 512, 512, 12, 64), {
    bench: true,
    extras: ['keyPaddingMask'],
    inputs: [paddingMask(8, 512)],
  }),
  attentionCase('BERT, one text', sizes(1, 512, 512, 12, 64), { bench: true }),
  attentionCase('Swin stage 1', sizes(343, 343, 343, 4, 12), {
    bench: true,
    extras: ['bias'],
    inputs: [{ shape: [4, 343, 343] }],
  }),
  attentionCase('Swin stage 2, shifted', sizes(64, 343, 343, 8, 12), {
    bench: true,
    extras: ['segments', 'bias'],
    inputs: [segments(64, 343), { shape: [8, 343, 343] }],
  }),
]

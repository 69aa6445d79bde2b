/** From sentences to TriBERT's token rows, and their masking (reference §4 and §5.5). */
import { type Generator, ValueError } from '../../engine/index.js'
import { drawWord, randomPermutation } from '../../kernels/random/host.js'
import type { TextRows } from './tribert.js'

/** What is needed of a WordPiece tokenizer; the data layer's is one. */
export interface PieceTokenizer {
  pieces(text: string): string[]
  readonly vocabulary: { id(token: string): number | undefined }
  readonly special: { readonly pad: number; readonly start: number; readonly end: number; readonly mask: number }
}

export interface ReportTokenOptions {
  /** Id of [SEN_1], as in the model's configuration; undefined: no sentence tokens. */
  readonly firstSentenceId?: number | undefined
  /** Tokens of a row. Default 512. */
  readonly maxTokens?: number | undefined
  /** Tokens of a sentence, of which upstream takes two for its marks. Default 200. */
  readonly maxSentenceTokens?: number | undefined
  /** Default 50, the sentence tokens that there are. */
  readonly maxSentences?: number | undefined
  /** Chooses which sentences of a longer report stay, as upstream does also at evaluation; without it the first ones. */
  readonly generator?: Generator | undefined
}

/** Int32 rows `[texts, tokens]` as {@link TriBert} takes them. */
export interface TokenRows extends TextRows {
  readonly ids: Int32Array
  readonly types: Int32Array
  readonly attention: Int32Array
}

/** Tokens of reports, each a list of sentences. Throws a ValueError for an empty batch. */
export function reportTokens(
  reports: readonly (readonly string[])[],
  tokenizer: PieceTokenizer,
  options: ReportTokenOptions = {},
): TokenRows {
  const { maxTokens = 512 } = options
  if (reports.length === 0) throw new ValueError('reportTokens: there are no reports')
  const shape = [reports.length, maxTokens] as const
  const size = reports.length * maxTokens
  const rows = {
    shape,
    ids: new Int32Array(size).fill(tokenizer.special.pad),
    types: new Int32Array(size),
    attention: new Int32Array(size),
  }
  for (const [row, sentences] of reports.entries()) {
    const { ids, types } =
      options.firstSentenceId === undefined
        ? plainRow(sentences, tokenizer, maxTokens)
        : sentenceRow(keptSentences(sentences, options), tokenizer, options.firstSentenceId, options)
    const count = Math.min(ids.length, maxTokens)
    rows.ids.set(ids.slice(0, count), row * maxTokens)
    rows.types.set(types.slice(0, count), row * maxTokens)
    rows.attention.fill(1, row * maxTokens, row * maxTokens + count)
  }
  return rows
}

function keptSentences(sentences: readonly string[], { maxSentences = 50, generator }: ReportTokenOptions): string[] {
  if (sentences.length <= maxSentences || !generator) return sentences.slice(0, maxSentences)
  const kept = randomPermutation(sentences.length, generator).subarray(0, maxSentences)
  return [...kept].sort((a, b) => a - b).map((index) => sentences[index]!)
}

interface TokenRow {
  readonly ids: number[]
  readonly types: number[]
}

const pieceIds = (text: string, tokenizer: PieceTokenizer): number[] =>
  tokenizer.pieces(text).map((piece) => tokenizer.vocabulary.id(piece)!)

function sentenceRow(
  sentences: readonly string[],
  tokenizer: PieceTokenizer,
  firstSentenceId: number,
  { maxSentenceTokens = 200 }: ReportTokenOptions,
): TokenRow {
  const ids = [tokenizer.special.start]
  const types = [1]
  for (const [index, sentence] of sentences.entries()) {
    const own = [firstSentenceId + index, ...pieceIds(sentence, tokenizer).slice(0, maxSentenceTokens - 2)]
    for (const id of own) {
      ids.push(id)
      types.push(index + 1)
    }
  }
  return { ids, types }
}

function plainRow(sentences: readonly string[], tokenizer: PieceTokenizer, maxTokens: number): TokenRow {
  const { start, end } = tokenizer.special
  const ids = [start, ...pieceIds(sentences.join(' '), tokenizer).slice(0, maxTokens - 2), end]
  return { ids, types: ids.map(() => 1) }
}

/** Numbers in [0, 1), and words to put in, one of each for every token. */
export interface MaskingDraws {
  readonly select: ArrayLike<number>
  readonly mask: ArrayLike<number>
  readonly random: ArrayLike<number>
  readonly words: ArrayLike<number>
}

/** Draws for {@link maskTokens}. Words come from the whole vocabulary, special tokens included, as upstream. */
export function drawMasking(size: number, vocabulary: number, generator: Generator): MaskingDraws {
  const uniform = (): Float64Array => {
    const draw = generator.draw()
    return Float64Array.from({ length: size }, (_, n) => drawWord(draw, n) / 2 ** 32)
  }
  const words = (): Int32Array => Int32Array.from(uniform(), (u) => Math.floor(u * vocabulary))
  return { select: uniform(), mask: uniform(), random: uniform(), words: words() }
}

export interface MaskingOptions {
  readonly special: Pick<PieceTokenizer['special'], 'pad' | 'start' | 'mask'>
  /** Ids from here on are sentence tokens and stay. */
  readonly firstSentenceId?: number | undefined
  /** Part of the tokens to predict. Default 0.15. */
  readonly probability?: number | undefined
}

export interface MaskedTokens {
  readonly ids: Int32Array
  /** The id to predict, -100 where there is nothing to predict. */
  readonly labels: Int32Array
}

/** BERT's masking: of the chosen tokens 80 % become [MASK], 10 % a random word, and 10 % stay. */
export function maskTokens(ids: ArrayLike<number>, draws: MaskingDraws, options: MaskingOptions): MaskedTokens {
  const { special, firstSentenceId = Number.POSITIVE_INFINITY, probability = 0.15 } = options
  const result = { ids: Int32Array.from(ids), labels: new Int32Array(ids.length).fill(-100) }
  for (let n = 0; n < ids.length; n++) {
    const id = ids[n]!
    const fixed = id === special.pad || id === special.start || id >= firstSentenceId
    if (fixed || draws.select[n]! >= probability) continue
    result.labels[n] = id
    if (draws.mask[n]! < 0.8) result.ids[n] = special.mask
    else if (draws.random[n]! < 0.5) result.ids[n] = draws.words[n]!
  }
  return result
}

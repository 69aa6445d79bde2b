import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers'
import { DataError } from '../errors.js'
import { normalizeForBert } from './bert-normalizer.js'
import { parseVocabulary, type SpecialIds, specialTokenTexts, Vocabulary } from './vocabulary.js'

export interface WordPieceOptions {
  /** Default true, as for every uncased vocabulary (CXR-BERT's among them). */
  readonly lowercase?: boolean | undefined
  /** Default: as `lowercase`, which is what BERT tokenizers do that leave it open. */
  readonly stripAccents?: boolean | undefined
  /** Ideographs become words of their own. Default true. */
  readonly splitChinese?: boolean | undefined
  /** Longer words become [UNK]. Default 100. */
  readonly maxWordCharacters?: number | undefined
  /**
   * Further tokens that stay whole wherever they stand in a text and are special when decoding, such as '[SEN_1]'. Those
   * that the vocabulary lacks follow its last entry, in this order.
   */
  readonly addedTokens?: readonly string[] | undefined
}

export interface EncodeOptions {
  /** Most ids, [CLS] and [SEP] included; longer texts lose their end but keep [SEP]. Default: no limit. */
  readonly maxLength?: number | undefined
  /** Whether [CLS] opens and [SEP] closes the ids. Default true. */
  readonly specialTokens?: boolean | undefined
}

export interface Encoding {
  readonly ids: number[]
  /** The token of each id. */
  readonly tokens: string[]
  /** True when `maxLength` cut something off. */
  readonly truncated: boolean
}

export interface EncodeBatchOptions extends EncodeOptions {
  /** Fill up on the right to the longest of the batch (default), or to `maxLength`. */
  readonly padding?: 'longest' | 'maxLength' | undefined
}

/** Ids and mask of several texts, row-major, as a text tower takes them. */
export interface EncodedBatch {
  /** [texts, tokens per text]. */
  readonly shape: [number, number]
  readonly ids: Int32Array
  /** 1 for a token, 0 for padding. */
  readonly mask: Int32Array
  /** Which of the texts lost their end. */
  readonly truncated: boolean[]
}

/**
 * BERT's tokenizer: clean-up, words, WordPiece. Ids equal those of the Rust library `tokenizers` (whose JavaScript
 * sister does the work) with the settings of transformers' BertTokenizer. The strings of special tokens are taken as
 * those tokens where they stand in a text.
 */
export class WordPieceTokenizer {
  readonly vocabulary: Vocabulary
  readonly #library: Library

  constructor(vocabulary: Vocabulary, options: WordPieceOptions = {}) {
    const { lowercase = true, splitChinese = true, maxWordCharacters = 100, addedTokens = [] } = options
    const { stripAccents = lowercase } = options
    if (!Number.isSafeInteger(maxWordCharacters) || maxWordCharacters < 1) {
      throw new DataError(`maxWordCharacters ${maxWordCharacters} is not a positive whole number`)
    }
    const added = addedTokens.filter((token) => vocabulary.id(token) === undefined)
    this.vocabulary = added.length > 0 ? new Vocabulary([...vocabulary.tokens(), ...added]) : vocabulary
    this.#library = makeLibrary(this.vocabulary, [...specialTokenTexts, ...addedTokens], maxWordCharacters)
    this.#library.normalizer = (text) => normalizeForBert(text, { lowercase, stripAccents, splitChinese })
  }

  /** From the text of a `vocab.txt`; `path` names it in messages. Throws a DataError for a vocabulary that is none. */
  static fromVocabulary(text: string, options: WordPieceOptions & { readonly path?: string } = {}): WordPieceTokenizer {
    return new WordPieceTokenizer(parseVocabulary(text, options.path), options)
  }

  get special(): SpecialIds {
    return this.vocabulary.special
  }

  /** The pieces of a text, without [CLS] and [SEP]. A piece that continues a word begins with '##'. */
  pieces(text: string): string[] {
    return this.#library.tokenize(text)
  }

  encode(text: string, { maxLength, specialTokens = true }: EncodeOptions = {}): Encoding {
    const room = roomFor(maxLength, specialTokens)
    const all = this.pieces(text)
    const pieces = all.length > room ? all.slice(0, room) : all
    const { start, end } = this.special
    const tokens = specialTokens ? [this.vocabulary.token(start), ...pieces, this.vocabulary.token(end)] : pieces
    const ids = tokens.map((token) => this.vocabulary.id(token)!)
    return { ids, tokens, truncated: pieces.length < all.length }
  }

  /** Throws a DataError for an empty batch. */
  encodeBatch(texts: readonly string[], { padding = 'longest', ...options }: EncodeBatchOptions = {}): EncodedBatch {
    if (texts.length === 0) throw new DataError('there are no texts to encode')
    if (padding === 'maxLength' && options.maxLength === undefined) {
      throw new DataError("padding to 'maxLength' needs a maxLength")
    }
    const encodings = texts.map((text) => this.encode(text, options))
    const longest = encodings.reduce((length, { ids }) => Math.max(length, ids.length), 0)
    const length = padding === 'maxLength' ? options.maxLength! : longest
    const ids = new Int32Array(texts.length * length).fill(this.special.pad)
    const mask = new Int32Array(texts.length * length)
    for (const [row, encoding] of encodings.entries()) {
      ids.set(encoding.ids, row * length)
      mask.fill(1, row * length, row * length + encoding.ids.length)
    }
    return { shape: [texts.length, length], ids, mask, truncated: encodings.map(({ truncated }) => truncated) }
  }

  /**
   * Ids back to text: pieces joined, no space before `. , ! ?` and contractions, as the Rust library's decoder. What the
   * clean-up took is gone: an uncased vocabulary gives lower case. Special tokens are left out unless `specialTokens`. Throws a DataError for an unknown id.
   */
  decode(ids: ArrayLike<number>, { specialTokens = false }: { readonly specialTokens?: boolean } = {}): string {
    const list = Array.from(ids)
    for (const id of list) this.vocabulary.token(id)
    if (list.length === 0) return ''
    return this.#library.decode(list, { skip_special_tokens: !specialTokens, clean_up_tokenization_spaces: false })
  }
}

/** How many pieces fit. */
function roomFor(maxLength: number | undefined, specialTokens: boolean): number {
  if (maxLength === undefined) return Number.POSITIVE_INFINITY
  const least = specialTokens ? 2 : 1
  if (!Number.isSafeInteger(maxLength) || maxLength < least) {
    throw new DataError(`maxLength ${maxLength} is not a whole number from ${least} on`)
  }
  return specialTokens ? maxLength - 2 : maxLength
}

/** What is used of the library's tokenizer. Its own declarations do not resolve in ECMAScript modules of Node. */
interface Library {
  normalizer: ((text: string) => string) | null
  tokenize(text: string): string[]
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string
}

function makeLibrary(vocabulary: Vocabulary, whole: readonly string[], maxWordCharacters: number): Library {
  const model = {
    type: 'WordPiece',
    unk_token: vocabulary.token(vocabulary.special.unknown),
    continuing_subword_prefix: '##',
    max_input_chars_per_word: maxWordCharacters,
    vocab: Object.fromEntries(vocabulary.tokens().map((token, id) => [token, id])),
  }
  const added_tokens = whole.map((content) => ({
    id: vocabulary.id(content)!,
    content,
    special: true,
    normalized: false,
  }))
  const description = {
    model,
    added_tokens,
    normalizer: null,
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  }
  return new LibraryTokenizer(description, {}) as Library
}

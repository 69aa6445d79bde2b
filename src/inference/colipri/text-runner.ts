/** Runs COLIPRI's text tower on texts and remembers what it made of them. */
import { DataError, type WordPieceTokenizer } from '../../data/index.js'
import { noGrad, tensor } from '../../engine/index.js'
import type { Colipri } from '../../models/index.js'
import { unit } from './image-runner.js'

/**
 * Whether padding enters the pooling of a text (reference §1.6): `masked` leaves it out, as the published package does
 * since it was corrected; `unmasked` pads to the full length and pools everything, as its first releases did and the
 * weights were probably trained.
 */
export type TextPooling = 'masked' | 'unmasked'

/** Texts in one pass; more would only cost memory. */
const BATCH = 16

/** Prompts recur from scan to scan, reports do not; past this many the memory starts anew. */
const MOST_REMEMBERED = 4096

export class TextRunner {
  readonly #model: Colipri
  readonly #tokenizer: () => Promise<WordPieceTokenizer>
  #ready: Promise<WordPieceTokenizer> | undefined
  readonly #known = new Map<string, Float32Array>()

  /** @param tokenizer called when the first text comes. */
  constructor(model: Colipri, tokenizer: () => Promise<WordPieceTokenizer>) {
    this.#model = model
    this.#tokenizer = tokenizer
  }

  /** Unit vectors `[projection]`, one per text. Longer texts than the tower has positions lose their end. */
  async encode(texts: readonly string[], pooling: TextPooling, signal?: AbortSignal): Promise<Float32Array[]> {
    const keyOf = (text: string) => `${pooling} ${text}`
    const missing = [...new Set(texts)].filter((text) => !this.#known.has(keyOf(text)))
    const made = new Map<string, Float32Array>()
    for (let n = 0; n < missing.length; n += BATCH) {
      signal?.throwIfAborted()
      const batch = missing.slice(n, n + BATCH)
      for (const [row, vector] of (await this.#encodeBatch(batch, pooling)).entries()) made.set(batch[row]!, vector)
    }
    const vectors = texts.map((text) => (this.#known.get(keyOf(text)) ?? made.get(text)!).slice())
    if (this.#known.size + made.size > MOST_REMEMBERED) this.#known.clear()
    for (const [text, vector] of made) this.#known.set(keyOf(text), vector)
    return vectors
  }

  async #encodeBatch(texts: readonly string[], pooling: TextPooling): Promise<Float32Array[]> {
    const { positions, vocabulary } = this.#model.config.text
    const tokenizer = await this.#openTokenizer()
    if (tokenizer.vocabulary.size > vocabulary) {
      throw new DataError(`the vocabulary has ${tokenizer.vocabulary.size} entries, the text tower ${vocabulary}`, {
        remedy: 'Give the vocab.txt that the weights were trained with',
      })
    }
    const padding = pooling === 'unmasked' ? 'maxLength' : 'longest'
    const { ids, mask, shape } = tokenizer.encodeBatch(texts, { maxLength: positions, padding })
    const { device } = this.#model
    using idTensor = tensor(device, ids, shape)
    using maskTensor = tensor(device, Uint32Array.from(mask), shape)
    using embedding = noGrad(() => this.#model.embedText(idTensor, maskTensor, { maskedPooling: pooling === 'masked' }))
    const values = (await embedding.data()) as Float32Array
    const features = values.length / texts.length
    return texts.map((_, row) => unit(values.slice(row * features, (row + 1) * features)))
  }

  /** Once; but what failed, such as a download, is tried again with the next text. */
  async #openTokenizer(): Promise<WordPieceTokenizer> {
    this.#ready ??= this.#tokenizer()
    try {
      return await this.#ready
    } catch (error) {
      this.#ready = undefined
      throw error
    }
  }
}

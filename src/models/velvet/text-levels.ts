/** Report, sentence and word vectors from the states of tokens (reference §4, "Level extraction"). */
import { type Device, scope, type Tensor, tensor } from '../../engine/index.js'
import { indexSelect } from '../../kernels/gather/index.js'
import { reshape, slice } from '../../kernels/layout/index.js'
import { matmul } from '../../kernels/matmul/index.js'
import type { TextRows } from './tribert.js'

/** Which tokens make up the vectors of one level. */
export interface LevelPooling {
  /** Vectors of each text. */
  readonly counts: readonly number[]
  /** `[texts, most vectors, tokens]`: weights of the tokens in each vector. */
  readonly weights: Float32Array
}

export interface TextLevels {
  /** Every word and mark with its pieces summed. */
  readonly merged: LevelPooling
  readonly word: LevelPooling
  readonly sentence: LevelPooling
}

export interface LevelTokens {
  readonly startId: number
  /** Ids from here on open a sentence. */
  readonly firstSentenceId: number
  /** Whether a piece continues the word before it ("##"). */
  readonly isContinuation: (id: number) => boolean
}

/**
 * A word is the sum of its pieces; every token but [CLS] and the sentence tokens is a word, punctuation included. A
 * sentence is the mean of its token and its words. A word counts once the next one begins, as upstream, so that a text
 * that fills every position loses its last one.
 */
export function textLevels({ shape, ids, attention }: TextRows, tokens: LevelTokens): TextLevels {
  const [texts, length] = shape
  const merged: number[][][] = []
  const words: number[][][] = []
  const sentences: number[][][][] = []
  for (let text = 0; text < texts; text++) {
    const units = completeUnits(text * length, length, ids, attention, tokens)
    const idOf = (unit: readonly number[]): number => ids[text * length + unit[0]!]!
    const ownSentences: number[][][] = []
    for (const unit of units) {
      if (idOf(unit) >= tokens.firstSentenceId) ownSentences.push([unit])
      else ownSentences.at(-1)?.push(unit)
    }
    merged.push(units)
    words.push(units.filter((unit) => idOf(unit) !== tokens.startId && idOf(unit) < tokens.firstSentenceId))
    sentences.push(ownSentences)
  }
  return {
    merged: pooling(merged, length, () => 1),
    word: pooling(words, length, () => 1),
    sentence: pooling(
      sentences.map((list) => list.map((units) => units.flat())),
      length,
      (text, vector) => 1 / sentences[text]![vector]!.length,
    ),
  }
}

/** Positions of the pieces of each word, mark and special token that is followed by another one or by padding. */
function completeUnits(
  first: number,
  length: number,
  ids: ArrayLike<number>,
  attention: ArrayLike<number>,
  { isContinuation }: LevelTokens,
): number[][] {
  const units: number[][] = []
  for (let token = 0; token < length; token++) {
    if (attention[first + token] === 0) return units
    const last = units.at(-1)
    if (last && isContinuation(ids[first + token]!)) last.push(token)
    else units.push([token])
  }
  return units.slice(0, -1)
}

function pooling(
  lists: readonly (readonly (readonly number[])[])[],
  length: number,
  weight: (text: number, vector: number) => number,
): LevelPooling {
  const most = Math.max(1, ...lists.map((list) => list.length))
  const weights = new Float32Array(lists.length * most * length)
  for (const [text, list] of lists.entries()) {
    for (const [vector, tokens] of list.entries()) {
      for (const token of tokens) weights[(text * most + vector) * length + token] = weight(text, vector)
    }
  }
  return { counts: lists.map((list) => list.length), weights }
}

/** Vectors `[texts, most vectors, features]` of states `[texts, tokens, features]`; missing ones are zero. */
export function poolLevel(states: Tensor, { counts, weights }: LevelPooling): Tensor {
  return scope(() => {
    const [texts, length] = states.shape as [number, number, number]
    return matmul(tensor(states.device, weights, [texts, weights.length / (counts.length * length), length]), states)
  })
}

/** The vectors of all texts one after the other, `[sum of counts, features]`. */
export function levelVectors(states: Tensor, pooling: LevelPooling): Tensor {
  return scope(() => {
    const padded = poolLevel(states, pooling)
    const [texts, most, features] = padded.shape as [number, number, number]
    const rows = pooling.counts.flatMap((count, text) => Array.from({ length: count }, (_, n) => text * most + n))
    return indexSelect(reshape(padded, [texts * most, features]), integers(states.device, rows), { axis: 0 })
  })
}

/** The state of [CLS], `[texts, features]`. */
export function reportVector(states: Tensor): Tensor {
  return scope(() => {
    const [texts, , features] = states.shape as [number, number, number]
    return reshape(slice(states, [[0], [0, 1]]), [texts, features])
  })
}

const integers = (device: Device, values: readonly number[]): Tensor =>
  tensor(device, values, [values.length], { dtype: 'i32' })

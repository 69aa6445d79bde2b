/**
 * Seeded random streams. Numbers are counter-based (Philox4x32-10): a seed, the index of the draw and the index of the
 * element determine each one, on every adapter.
 */
import { ValueError } from './errors.js'

/** One use of a generator: the words that, with the element's index, determine every number of a tensor. */
export interface Draw {
  readonly seed: number
  readonly index: number
}

interface DrawLog {
  readonly draws: Draw[]
  /** Position while repeating; undefined while recording. */
  next?: number
}

let log: DrawLog | undefined

/** A stream of draws. Give every model or experiment its own, with an explicit seed. */
export class Generator {
  readonly seed: number
  #drawn: number

  /** @param seed unsigned 32-bit integer. @param drawn draws to skip, to resume a stream. */
  constructor(seed: number, drawn = 0) {
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
      throw new ValueError(`Generator: the seed must be an integer from 0 to 4294967295, got ${seed}`)
    }
    this.seed = seed
    this.#drawn = drawn
  }

  /** Draws so far: with the seed, all that a checkpoint must store. */
  get drawn(): number {
    return this.#drawn
  }

  draw(): Draw {
    if (log?.next !== undefined) return log.draws[log.next++]!
    const draw = { seed: this.seed, index: this.#drawn++ }
    log?.draws.push(draw)
    return draw
  }
}

/** Runs `fn` and lists the draws it made. */
export function recordDraws<T>(fn: () => T): [T, readonly Draw[]] {
  return withLog({ draws: [] }, fn)
}

/** Runs `fn` so that it draws what it drew before. */
export function replayDraws<T>(draws: readonly Draw[], fn: () => T): T {
  return withLog({ draws: [...draws], next: 0 }, fn)[0]
}

function withLog<T>(own: DrawLog, fn: () => T): [T, readonly Draw[]] {
  const outer = log
  log = own
  try {
    const result = fn()
    // A checkpoint inside a recorded segment must be repeated with it.
    if (own.next === undefined && outer && outer.next === undefined) outer.draws.push(...own.draws)
    return [result, own.draws]
  } finally {
    log = outer
  }
}

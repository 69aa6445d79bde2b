/** Exact nearest neighbours by cosine, in memory: right by construction, and fast enough to some hundred thousand vectors. */
import { VoxgradError } from '../engine/index.js'
import { unitVector } from './store.js'

/** A neighbour of a query. */
export interface Match {
  readonly id: string
  /** Cosine similarity, -1 to 1. */
  readonly score: number
}

export class ExactIndex {
  readonly #dimensions: number
  readonly #rows = new Map<string, number>()
  #ids: string[] = []
  #vectors: Float32Array

  /** @param dimensions length of every vector. */
  constructor(dimensions: number) {
    if (!Number.isInteger(dimensions) || dimensions < 1) {
      throw new VoxgradError(`ExactIndex: the number of dimensions must be a positive integer, got ${dimensions}`)
    }
    this.#dimensions = dimensions
    this.#vectors = new Float32Array(16 * dimensions)
  }

  get size(): number {
    return this.#ids.length
  }

  /** In the order of insertion. */
  get ids(): readonly string[] {
    return this.#ids
  }

  /** The unit vectors `[size, dimensions]`, in the order of `ids`: a view, for the moment. */
  get vectors(): Float32Array {
    return this.#vectors.subarray(0, this.size * this.#dimensions)
  }

  /** Adds a vector under an id, or replaces the one that has it. Vectors are scaled to unit length. */
  add(id: string, vector: ArrayLike<number>): void {
    const unit = unitVector(vector, this.#dimensions, `ExactIndex: ${id}`)
    let row = this.#rows.get(id)
    if (row === undefined) {
      row = this.#ids.push(id) - 1
      this.#rows.set(id, row)
      this.#reserve(row + 1)
    }
    this.#vectors.set(unit, row * this.#dimensions)
  }

  /** The `count` most similar vectors, best first; ties in order of insertion. */
  search(query: ArrayLike<number>, count = 10): Match[] {
    const unit = unitVector(query, this.#dimensions, 'ExactIndex: the query')
    const scores = this.#ids.map((id, row): Match => ({ id, score: this.#dot(row, unit) }))
    return scores.sort((a, b) => b.score - a.score).slice(0, count)
  }

  #dot(row: number, unit: Float32Array): number {
    const start = row * this.#dimensions
    let sum = 0
    for (let i = 0; i < unit.length; i++) sum += this.#vectors[start + i]! * unit[i]!
    return sum
  }

  #reserve(rows: number): void {
    const needed = rows * this.#dimensions
    if (needed <= this.#vectors.length) return
    const grown = new Float32Array(Math.max(needed, 2 * this.#vectors.length))
    grown.set(this.#vectors)
    this.#vectors = grown
  }
}

/** What every vector store can do, whatever keeps the vectors. */
import { VoxgradError } from '../engine/index.js'

/** A vector with what is known of it. */
export interface VectorRecord {
  readonly id: string
  readonly vector: ArrayLike<number>
  /** Plain JSON. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined
}

/** A record that was found. */
export interface Neighbour {
  readonly id: string
  /** Cosine similarity, -1 to 1. */
  readonly score: number
  readonly metadata: Readonly<Record<string, unknown>>
}

/** Whose vectors a store holds. */
export interface StoreModel {
  /** Names what decides about vectors, such as `ColipriModel.fingerprint()`. */
  readonly model: string
  readonly dimensions: number
}

/** Vectors that stay. Records of a known id are replaced. Errors name the store. */
export interface VectorStore extends StoreModel, AsyncDisposable {
  readonly location: string
  size(): Promise<number>
  /** Throws a {@link ModelMismatchError} for vectors of another model than the store's. */
  add(model: string, records: readonly VectorRecord[]): Promise<void>
  /** The `count` most similar records, best first; ties in an order that stays. Throws as `add` does. */
  search(model: string, query: ArrayLike<number>, count?: number): Promise<Neighbour[]>
  /** The ids there are. */
  ids(): Promise<ReadonlySet<string>>
  /** Keeps what was added, and lets go. */
  close(): Promise<void>
}

/** Vectors of two models cannot be compared. */
export class ModelMismatchError extends VoxgradError {
  constructor(location: string, stored: string, given: string) {
    super(
      `${location}: holds vectors of ${stored}, not of ${given}, and vectors of two models cannot be compared. ` +
        'Use the same weights and route, or another store',
    )
  }
}

/** Throws unless the vectors are of the store's model. */
export function checkModel({ location, model }: Pick<VectorStore, 'location' | 'model'>, given: string): void {
  if (given !== model) throw new ModelMismatchError(location, model, given)
}

/** The vector scaled to length 1. Throws a VoxgradError for another number of dimensions, and for one without direction. */
export function unitVector(vector: ArrayLike<number>, dimensions: number, name: string): Float32Array<ArrayBuffer> {
  if (vector.length !== dimensions) {
    throw new VoxgradError(`${name} has ${vector.length} numbers, the index holds vectors of ${dimensions}`)
  }
  const values = Float32Array.from(vector)
  let squares = 0
  for (const value of values) squares += value * value
  const length = Math.sqrt(squares)
  if (!(length > 0 && Number.isFinite(length))) {
    throw new VoxgradError(`${name} has no direction (its length is ${length})`)
  }
  for (let n = 0; n < values.length; n++) values[n]! /= length
  return values
}

import { ValueError } from '../../engine/errors.js'

/** Similarities of queries (rows) to a gallery (columns), row-major, higher is more alike. */
export interface Similarities {
  readonly queries: number
  readonly gallery: number
  readonly values: ArrayLike<number>
}

/** What each query should find: one gallery item, or several that are equally right. */
export type Targets = readonly (number | readonly number[])[]

export interface RetrievalScores {
  /** By k: the part of the queries with a right item among their k best. */
  readonly recall: Readonly<Record<number, number>>
  /** Mean of 1 / (rank from 1). */
  readonly meanReciprocalRank: number
  /** Of ranks that count from 1. */
  readonly medianRank: number
  /** From 0, by query. */
  readonly ranks: Int32Array
}

/** Dot products of two lists of vectors (row-major, `dimensions` numbers each), in float64. */
export function dotProducts(queries: ArrayLike<number>, gallery: ArrayLike<number>, dimensions: number): Similarities {
  const [rows, columns] = [queries.length / dimensions, gallery.length / dimensions]
  if (!Number.isInteger(rows) || !Number.isInteger(columns) || rows === 0 || columns === 0) {
    throw new ValueError(
      `dotProducts: ${queries.length} and ${gallery.length} numbers are not vectors of ${dimensions} numbers`,
    )
  }
  const values = new Float64Array(rows * columns)
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0
      for (let d = 0; d < dimensions; d++) sum += queries[i * dimensions + d]! * gallery[j * dimensions + d]!
      values[i * columns + j] = sum
    }
  }
  return { queries: rows, gallery: columns, values }
}

/** The same similarities with the roles exchanged: text to image instead of image to text. */
export function transposed({ queries, gallery, values }: Similarities): Similarities {
  const result = new Float64Array(values.length)
  for (let i = 0; i < queries; i++) for (let j = 0; j < gallery; j++) result[j * queries + i] = values[i * gallery + j]!
  return { queries: gallery, gallery: queries, values: result }
}

/**
 * Recall at each k, mean reciprocal rank and median rank. A query's rank is that of its best right item; of equal
 * similarities the gallery's earlier item comes first. Throws a ValueError for shapes that do not fit, targets outside
 * the gallery and similarities that are NaN.
 */
export function retrievalScores(similarities: Similarities, targets: Targets, ks: readonly number[]): RetrievalScores {
  const { queries, gallery, values } = similarities
  if (queries === 0 || values.length !== queries * gallery || targets.length !== queries) {
    throw new ValueError(
      `retrievalScores: ${queries} x ${gallery} similarities do not fit ${values.length} numbers and ${targets.length} targets`,
    )
  }
  const ranks = Int32Array.from(targets, (target, query) => {
    const right = typeof target === 'number' ? [target] : target
    if (right.length === 0) throw new ValueError(`retrievalScores: query ${query} has no target`)
    return Math.min(...right.map((item) => rankOf(similarities, query, item)))
  })
  const hits = (k: number): number => ranks.reduce((sum, rank) => sum + (rank < k ? 1 : 0), 0)
  const sorted = Int32Array.from(ranks).sort()
  const [low, high] = [sorted[(queries - 1) >> 1]!, sorted[queries >> 1]!]
  return {
    recall: Object.fromEntries(ks.map((k) => [k, hits(k) / queries])),
    meanReciprocalRank: ranks.reduce((sum, rank) => sum + 1 / (rank + 1), 0) / queries,
    medianRank: (low + high) / 2 + 1,
    ranks,
  }
}

/** Both directions of paired lists: image i belongs to text i. */
export function pairedRetrieval(
  similarities: Similarities,
  ks: readonly number[] = [1, 5, 10],
): { readonly imageToText: RetrievalScores; readonly textToImage: RetrievalScores } {
  const { queries, gallery } = similarities
  if (queries !== gallery)
    throw new ValueError(`pairedRetrieval: ${queries} images cannot be paired with ${gallery} texts`)
  const own = Array.from({ length: queries }, (_, n) => n)
  return {
    imageToText: retrievalScores(similarities, own, ks),
    textToImage: retrievalScores(transposed(similarities), own, ks),
  }
}

function rankOf({ gallery, values }: Similarities, query: number, item: number): number {
  if (!Number.isInteger(item) || item < 0 || item >= gallery) {
    throw new ValueError(
      `retrievalScores: target ${item} of query ${query} is not one of the ${gallery} of the gallery`,
    )
  }
  const own = values[query * gallery + item]!
  let rank = 0
  for (let n = 0; n < gallery; n++) {
    const other = values[query * gallery + n]!
    if (Number.isNaN(other)) throw new ValueError(`retrievalScores: the similarity of (${query}, ${n}) is NaN`)
    if (other > own || (other === own && n < item)) rank++
  }
  return rank
}

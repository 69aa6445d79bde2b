import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dotProducts, pairedRetrieval, retrievalScores, transposed } from '../../../src/train/metrics/index.js'

describe('ranks', () => {
  test('are places in the sorted gallery, earlier items first among equals', () => {
    const matrix = fc.integer({ min: 1, max: 6 }).chain((gallery) =>
      fc.record({
        gallery: fc.constant(gallery),
        rows: fc.array(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: gallery, maxLength: gallery }), {
          minLength: 1,
          maxLength: 5,
        }),
        target: fc.nat({ max: gallery - 1 }),
      }),
    )
    fc.assert(
      fc.property(matrix, ({ gallery, rows, target }) => {
        const similarities = { queries: rows.length, gallery, values: rows.flat() }
        const { ranks, recall } = retrievalScores(
          similarities,
          rows.map(() => target),
          [1, gallery],
        )
        for (const [query, row] of rows.entries()) {
          const order = row.map((value, item) => ({ value, item })).sort((a, b) => b.value - a.value || a.item - b.item)
          expect(ranks[query]).toBe(order.findIndex(({ item }) => item === target))
        }
        expect(recall[gallery]).toBe(1)
      }),
    )
  })

  test('several right items count by the best of them', () => {
    const similarities = { queries: 2, gallery: 3, values: [0.9, 0.5, 0.1, 0.9, 0.5, 0.1] }
    const scores = retrievalScores(similarities, [[1, 2], 2], [1, 2, 3])
    expect([...scores.ranks]).toEqual([1, 2])
    expect(scores.recall).toEqual({ 1: 0, 2: 0.5, 3: 1 })
    expect(scores.meanReciprocalRank).toBeCloseTo((1 / 2 + 1 / 3) / 2, 12)
    expect(scores.medianRank).toBe(2.5)
  })

  test('both directions', () => {
    const similarities = { queries: 2, gallery: 2, values: [0.9, 0.8, 0.95, 0.7] }
    const { imageToText, textToImage } = pairedRetrieval(similarities, [1])
    expect([...imageToText.ranks]).toEqual([0, 1])
    expect([...textToImage.ranks]).toEqual([1, 1])
    expect(transposed(transposed(similarities)).values).toEqual(Float64Array.from(similarities.values))
  })

  test('dot products', () => {
    expect(dotProducts([1, 2, 0, 1], [3, 4], 2)).toEqual({ queries: 2, gallery: 1, values: Float64Array.of(11, 4) })
  })

  test.each<[() => unknown, RegExp]>([
    [() => dotProducts([1, 2, 3], [1, 2], 2), /3 and 2 numbers are not vectors of 2/],
    [() => retrievalScores({ queries: 1, gallery: 2, values: [1] }, [0], [1]), /1 x 2 similarities do not fit 1/],
    [() => retrievalScores({ queries: 1, gallery: 2, values: [1, 2] }, [2], [1]), /target 2 of query 0/],
    [() => retrievalScores({ queries: 1, gallery: 2, values: [1, 2] }, [[]], [1]), /query 0 has no target/],
    [() => retrievalScores({ queries: 1, gallery: 2, values: [1, Number.NaN] }, [0], [1]), /\(0, 1\) is NaN/],
    [() => pairedRetrieval({ queries: 1, gallery: 2, values: [1, 2] }), /1 images cannot be paired with 2 texts/],
  ])('%o is refused', (run, message) => expect(run).toThrow(message))
})

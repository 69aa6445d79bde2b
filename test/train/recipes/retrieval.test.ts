import fc from 'fast-check'
import { expect, it } from 'vitest'
import { pairedRetrieval } from '../../../src/train/metrics/index.js'
import { rerank, type ScanAndText } from '../../../src/train/recipes/retrieval.js'

/** Text 1 looks like scan 0, but does not belong to it. */
const similarities = { queries: 3, gallery: 3, values: [0.5, 0.9, 0.1, 0.2, 0.6, 0.3, 0.1, 0, 0.4] }

it('ranks the best candidates of either direction by cosine and matching logit together', async () => {
  expect(pairedRetrieval(similarities).imageToText.recall[1]).toBeCloseTo(2 / 3, 12)
  const asked: ScanAndText[] = []
  const { imageToText, textToImage } = await rerank(similarities, {
    candidates: 2,
    matchScores: async (pairs) => {
      asked.push(...pairs)
      return pairs.map(([scan, text]) => (scan === text ? 1 : -1))
    },
  })
  expect(imageToText.recall[1]).toBe(1)
  expect(textToImage.recall[1]).toBe(1)
  // All but scan 0 with text 2 and scan 2 with text 1, which are last for both sides.
  expect(asked).toHaveLength(7)
})

it('changes nothing where every logit is the same and every pair a candidate', async () => {
  const cosine = fc.double({ min: -1, max: 1, noNaN: true })
  await fc.assert(
    fc.asyncProperty(fc.array(cosine, { minLength: 16, maxLength: 16 }), async (values) => {
      const square = { queries: 4, gallery: 4, values }
      const ranked = await rerank(square, { candidates: 4, matchScores: async (pairs) => pairs.map(() => 0) })
      const plain = pairedRetrieval(square)
      expect(ranked.imageToText.ranks).toEqual(plain.imageToText.ranks)
      expect(ranked.textToImage.ranks).toEqual(plain.textToImage.ranks)
    }),
  )
})

/** Which report belongs to which scan, on studies that were held out. */
import { Loader } from '../../data/index.js'
import { candidateScores, exchanged } from '../../models/index.js'
import { dotProducts, pairedRetrieval, retrievalScores, type Similarities } from '../metrics/index.js'
import type { EvaluationContext } from '../task.js'
import type { SampleSource } from './study-data.js'

/** A position among the scans and one among the texts. */
export type ScanAndText = readonly [scan: number, text: number]

/** A closer look at the best candidates of each query. */
export interface Reranking {
  /** How many of each query. */
  readonly candidates: number
  /** How well a scan and a text belong together: a logit of each pair, which is added to its cosine. */
  matchScores(pairs: readonly ScanAndText[]): Promise<ArrayLike<number>>
}

export interface RetrievalTask<Sample> {
  readonly source: SampleSource
  /** Unit vectors of scans. */
  embedSamples(samples: readonly Sample[]): Promise<readonly Float32Array[]>
  /** Unit vectors of the scans' own texts. */
  embedOwnTexts(samples: readonly Sample[]): Promise<readonly Float32Array[]>
  /** Default: cosines alone decide. */
  readonly reranking?: Reranking | undefined
}

const ks = [1, 5, 10]

/** Recall at 1, 5 and 10 of both directions, such as `imageToText/recallAt5`, among all studies of the source. */
export async function retrievalScoresOf<Sample>(
  { source, embedSamples, embedOwnTexts, reranking }: RetrievalTask<Sample>,
  { batchSize, workers, signal }: EvaluationContext,
): Promise<Record<string, number>> {
  const loader = new Loader<unknown, Sample>({ ...source, batchSize, workers, ...(signal && { signal }) })
  const [images, texts]: [number[], number[]] = [[], []]
  let length = 1
  for await (const { items } of loader) {
    const samples = items.map(({ value }) => value)
    for (const row of await embedSamples(samples)) {
      length = row.length
      images.push(...row)
    }
    for (const row of await embedOwnTexts(samples)) texts.push(...row)
  }
  const similarities = dotProducts(images, texts, length)
  const directions = reranking ? await rerank(similarities, reranking) : pairedRetrieval(similarities, ks)
  return Object.fromEntries(
    Object.entries(directions).flatMap(([direction, { recall }]) =>
      Object.entries(recall).map(([k, value]) => [`${direction}/recallAt${k}`, value]),
    ),
  )
}

/** Both directions of {@link pairedRetrieval}; pairs that are no candidates of either are never looked at. */
export async function rerank({ queries: count, values }: Similarities, { candidates, matchScores }: Reranking) {
  const byText = exchanged(values)
  const excludedScore = Number.NEGATIVE_INFINITY
  const ofScans = candidateScores(values, { candidates, excludedScore })
  const ofTexts = exchanged(candidateScores(byText, { candidates, excludedScore }))
  const pairs = Array.from(values, (_, n): ScanAndText => [Math.floor(n / count), n % count]).filter(
    (_, n) => Math.max(ofScans[n]!, ofTexts[n]!) > excludedScore,
  )
  const logits = await matchScores(pairs)
  const matching = new Float64Array(count * count)
  for (const [n, [scan, text]] of pairs.entries()) matching[scan * count + text] = logits[n]!
  const own = Array.from({ length: count }, (_, n) => n)
  const direction = (cosines: ArrayLike<number>, matched: ArrayLike<number>) => {
    const scores = candidateScores(cosines, { candidates, matchScores: matched })
    return retrievalScores({ queries: count, gallery: count, values: scores }, own, ks)
  }
  return { imageToText: direction(values, matching), textToImage: direction(byText, exchanged(matching)) }
}

/** Which report belongs to which scan, on studies that were held out. */
import { Loader } from '../../data/index.js'
import { dotProducts, pairedRetrieval } from '../metrics/index.js'
import type { EvaluationContext } from '../task.js'
import type { SampleSource } from './study-data.js'

export interface RetrievalTask<Sample> {
  readonly source: SampleSource
  /** Unit vectors of scans. */
  embedSamples(samples: readonly Sample[]): Promise<readonly Float32Array[]>
  /** Unit vectors of the scans' own texts. */
  embedOwnTexts(samples: readonly Sample[]): Promise<readonly Float32Array[]>
}

/** Recall at 1, 5 and 10 of both directions, such as `imageToText/recallAt5`, among all studies of the source. */
export async function retrievalScoresOf<Sample>(
  { source, embedSamples, embedOwnTexts }: RetrievalTask<Sample>,
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
  const directions = pairedRetrieval(dotProducts(images, texts, length), [1, 5, 10])
  return Object.fromEntries(
    Object.entries(directions).flatMap(([direction, { recall }]) =>
      Object.entries(recall).map(([k, value]) => [`${direction}/recallAt${k}`, value]),
    ),
  )
}

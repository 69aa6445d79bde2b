/** How well vectors of scans and texts tell studies apart. */
import type { EvaluationContext, HeldOutSplit } from '../task.js'
import { retrievalScoresOf } from './retrieval.js'
import type { StudyData, StudySample } from './study-data.js'
import { reportSentences } from './texts.js'
import { zeroShotAuroc } from './zero-shot.js'

/** Unit vectors on the host, one for each sample or text. */
export interface StudyVectors {
  readonly data: StudyData
  embedSamples(samples: readonly StudySample[]): Promise<readonly Float32Array[]>
  embedTexts(texts: readonly string[]): Promise<readonly Float32Array[]>
}

/** Zero-shot AUROC where the studies have labels, else retrieval of reports and scans. */
export function scoresOfStudies(
  { data, embedSamples, embedTexts }: StudyVectors,
  split: HeldOutSplit,
  context: EvaluationContext,
): Promise<Record<string, number>> {
  const { findings } = data
  const source = data.heldOut(split)
  if (findings.length > 0) {
    const vectorsOf = async (samples: readonly StudySample[]) => (await embedSamples(samples)).map((row) => () => row)
    return zeroShotAuroc<StudySample>(
      { findings, source, labelsOf: ({ labels }) => labels, embedTexts, embedSamples: vectorsOf },
      context,
    )
  }
  const textOf = ({ report }: StudySample) => (report ? reportSentences(report).join(' ') : '')
  return retrievalScoresOf<StudySample>(
    { source, embedSamples, embedOwnTexts: (samples) => embedTexts(samples.map(textOf)) },
    context,
  )
}

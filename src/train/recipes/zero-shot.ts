/** Findings told from prompts alone, on studies that were held out. */
import { Loader } from '../../data/index.js'
import { ValueError } from '../../engine/index.js'
import { evaluateFindings } from '../metrics/findings.js'
import type { EvaluationContext } from '../task.js'
import type { SampleSource } from './study-data.js'

/** A finding and what says that it is there, or not. */
export interface FindingPromptTexts {
  readonly finding: string
  /** At least one. */
  readonly present: readonly string[]
  /** At least one. */
  readonly absent: readonly string[]
}

/** Unit vector of a sample for a finding; undefined where the sample has none, such as of an organ that is not seen. */
export type VectorOf = (finding: string) => ArrayLike<number> | undefined

export interface ZeroShotTask<Sample> {
  readonly source: SampleSource
  readonly findings: readonly FindingPromptTexts[]
  labelsOf(sample: Sample): Readonly<Record<string, number>> | undefined
  /** One for each sample. */
  embedSamples(samples: readonly Sample[]): Promise<readonly VectorOf[]>
  /** Unit vectors, one for each text. */
  embedTexts(texts: readonly string[]): Promise<readonly ArrayLike<number>[]>
}

/**
 * `macroAuroc`, the unweighted mean over the findings that some studies have and some have not, and `auroc/FINDING` of
 * each. A study's score is how much nearer its vector is to the mean of the vectors that say the finding is there than to
 * the mean of those that say it is not. Throws a ValueError for studies without labels.
 */
export async function zeroShotAuroc<Sample>(
  task: ZeroShotTask<Sample>,
  { batchSize, workers, signal }: EvaluationContext,
): Promise<Record<string, number>> {
  const { findings } = task
  const directions = await promptDirections(task)
  const loader = new Loader<unknown, Sample>({ ...task.source, batchSize, workers, ...(signal && { signal }) })
  const scores: number[] = []
  const labels: number[] = []
  for await (const { items } of loader) {
    const samples = items.map(({ value }) => value)
    for (const [n, vectorOf] of (await task.embedSamples(samples)).entries()) {
      const known = task.labelsOf(samples[n]!)
      if (!known) throw new ValueError(`${items[n]!.name}: has no labels to evaluate findings with`)
      for (const { finding } of findings) {
        const vector = vectorOf(finding)
        scores.push(vector ? dot(vector, directions.get(finding)!) : Number.NaN)
        labels.push(known[finding] ?? 0)
      }
    }
  }
  const table = { findings: findings.map(({ finding }) => finding), scores, labels }
  const { macro, findings: single } = evaluateFindings(table, { threshold: 0, missing: 0 })
  return {
    macroAuroc: macro.auroc,
    ...Object.fromEntries(
      Object.entries(single).flatMap(([name, { auroc }]) => (Number.isNaN(auroc) ? [] : [[`auroc/${name}`, auroc]])),
    ),
  }
}

/** For each finding, the mean of the present prompts less that of the absent ones. */
async function promptDirections<Sample>({ findings, embedTexts }: ZeroShotTask<Sample>) {
  const texts = [...new Set(findings.flatMap(({ present, absent }) => [...present, ...absent]))]
  const vectors = await embedTexts(texts)
  const byText = new Map(texts.map((text, n) => [text, vectors[n]!]))
  return new Map(
    findings.map(({ finding, present, absent }) => {
      const [yes, no] = [meanOf(present.map((text) => byText.get(text)!)), meanOf(absent.map((t) => byText.get(t)!))]
      return [finding, yes.map((value, i) => value - no[i]!)]
    }),
  )
}

function meanOf(vectors: readonly ArrayLike<number>[]): Float64Array {
  const mean = new Float64Array(vectors[0]!.length)
  for (const vector of vectors) for (let i = 0; i < mean.length; i++) mean[i]! += vector[i]! / vectors.length
  return mean
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

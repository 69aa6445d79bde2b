/** Zero-shot classification of a cohort (reference §6.1). */
import { join } from 'node:path'
import { ctRateFindings, radChestCtAsCtRate, writeTextAtomically } from '../data/index.js'
import { type ColipriModel, type FindingScore, promptPairs } from '../inference/index.js'
import {
  type BootstrapInterval,
  type Cohort,
  type CohortResult,
  evaluateCohort,
  mergeForRadChestCt,
} from '../train/index.js'
import type { EvaluationContext } from './evaluate-studies.js'
import { researchNotice } from './options.js'
import type { ScanResult } from './results.js'
import type { ScanHandler } from './scan-run.js'

type Named = Readonly<Record<string, number>>

export async function zeroShotHandler(model: ColipriModel, context: EvaluationContext): Promise<ScanHandler> {
  const { prompts, dataset, out, json, replicates, seed } = context.options
  const pairs = promptPairs(ctRateFindings, prompts)
  await model.encodeText(pairs.flatMap(({ positive, negative }) => [positive, negative]))
  return {
    handle: async ({ name, embedding }) => ({
      study: context.studyOf(name).id,
      findings: await model.zeroShot(embedding, { findings: ctRateFindings, prompts }),
    }),
    table: { columns: [...ctRateFindings], row: (result) => Object.values(predictionsOf(result)) },
    print: ({ scan }) => scan,
    finish: async (results) => {
      const result = evaluateCohort(cohortOf(results, context), { seed, replicates })
      const path = join(out, 'evaluation.json')
      const facts = { notice: researchNotice, note: model.note, dataset, protocol: 'zeroshot', prompts }
      const text = `${JSON.stringify({ ...facts, model: await model.fingerprint(), ...result }, undefined, 2)}\n`
      await writeTextAtomically(path, text)
      console.log(json ? text.trimEnd() : table(result))
      return [path]
    },
  }
}

const predictionsOf = ({ findings }: ScanResult): Named =>
  Object.fromEntries((findings as FindingScore[]).map(({ finding, probability }) => [finding, probability]))

/** RAD-ChestCT has its own labels, which are brought to those of CT-RATE, and the predictions to those that are left. */
function cohortOf(results: readonly ScanResult[], { options, studyOf }: EvaluationContext): Cohort {
  const merges = options.dataset === 'rad-chestct'
  const rows = results.map((result) => {
    const { patient, labels } = studyOf(result.scan)
    const predictions = predictionsOf(result)
    return {
      patient,
      truth: merges ? radChestCtAsCtRate(labels!) : (labels as Named),
      predictions: merges ? mergeForRadChestCt(predictions) : predictions,
    }
  })
  const findings = ctRateFindings.filter((finding) => rows[0] !== undefined && finding in rows[0].truth)
  return {
    findings,
    patients: rows.map(({ patient }) => patient),
    scores: rows.flatMap(({ predictions }) => findings.map((finding) => predictions[finding]!)),
    labels: rows.flatMap(({ truth }) => findings.map((finding) => truth[finding]!)),
  }
}

function table({ studies, patients, findings, macro }: CohortResult): string {
  const number = (value: number) => (Number.isNaN(value) ? '-' : value.toFixed(3)).padStart(6)
  const interval = ({ estimate, low, high }: BootstrapInterval) =>
    `${number(estimate)} (${number(low)},${number(high)})`
  const line = (name: string, scores: Pick<CohortResult['macro'], 'auroc' | 'averagePrecision' | 'f1'>) =>
    [name.padEnd(36), ...[scores.auroc, scores.averagePrecision, scores.f1].map(interval)].join(' ')
  return [
    `${studies} studies of ${patients} patients; 95 % intervals by patient; F1 at its best threshold, which flatters`,
    ['', 'AUROC', 'AUPRC', 'F1']
      .map((head, n) => (n === 0 ? head.padEnd(38) : head.padEnd(22)))
      .join(' ')
      .trimEnd(),
    ...Object.entries(findings).map(([name, result]) => line(name, result)),
    line('mean', macro),
  ].join('\n')
}

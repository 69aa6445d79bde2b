/** Linear probing of frozen tokens (reference §6.1): what a linear layer finds in what the backbone sees. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  ctRateFindings,
  DataError,
  float32ToFloat16,
  partitionByPatient,
  radChestCtAsCtRate,
  readNpy,
  type Study,
  toFloat32,
  writeNpy,
  writeTextAtomically,
} from '../data/index.js'
import type { ColipriModel } from '../inference/index.js'
import { evaluateProbe, type ProbeData, probePoolings, trainProbe } from '../train/index.js'
import type { EvaluationContext } from './evaluate-studies.js'
import { researchNotice } from './options.js'
import type { ScanResult } from './results.js'
import type { ScanHandler } from './scan-run.js'

/** Of the training studies, those on which learning rates and thresholds are chosen. */
const INTERNAL_VALIDATION = 0.1

interface Labelled {
  readonly study: Study
  /** File of its tokens. */
  readonly tokens: string
}

/** Tokens go to files, in half precision: a study has 24 MB of them at the published size. */
export async function probeHandler(model: ColipriModel, context: EvaluationContext): Promise<ScanHandler> {
  const { dataset, out, json, seed, steps, pooling } = context.options
  const folder = join(out, 'tokens')
  await mkdir(folder, { recursive: true })
  return {
    handle: async ({ name, sha256, dense }) => {
      const tokens = join(folder, `${sha256}.npy`)
      const [d, h, w, features] = dense!.shape
      await writeNpy(tokens, { dtype: 'F16', shape: [d * h * w, features], data: float32ToFloat16(dense!.data) })
      return { study: context.studyOf(name).id, tokens, shape: [d * h * w, features] }
    },
    table: { columns: [], row: () => [] },
    print: ({ scan }) => scan,
    finish: async (results) => {
      const data = probeData(results, context)
      const scores: Record<string, unknown> = {}
      for (const one of pooling === 'all' ? probePoolings : [pooling]) {
        const probe = await trainProbe(model.device, data, { pooling: one, seed, steps })
        const { learningRate, step, validationAveragePrecision } = probe
        const test = await evaluateProbe(model.device, probe, data.test)
        scores[one] = { ...test, learningRate, step, validationAveragePrecision }
        const measures = Object.entries(test).map(([measure, value]) => `${measure} ${value.toFixed(4)}`)
        if (!json) console.log(`${one.padEnd(22)}${measures.join(', ')}`)
      }
      const path = join(out, 'evaluation.json')
      const studies = { train: data.train.studies, validation: data.validation.studies, test: data.test.studies }
      const facts = { notice: researchNotice, note: model.note, dataset, protocol: 'probe', steps, seed, studies }
      const text = `${JSON.stringify({ ...facts, model: await model.fingerprint(), poolings: scores }, undefined, 2)}\n`
      await writeTextAtomically(path, text)
      if (json) console.log(text.trimEnd())
      return [path]
    },
  }
}

/**
 * CT-RATE: its validation split is the test, and a tenth of the patients of its training split the validation. RAD-ChestCT
 * has three splits of its own.
 */
function probeData(results: readonly ScanResult[], { options, dataset, studyOf }: EvaluationContext) {
  const labelled = results.map(({ scan, tokens }): Labelled => ({ study: studyOf(scan), tokens: tokens as string }))
  const tokensOf = new Map(labelled.map(({ study, tokens }) => [study.id, tokens]))
  const ofSplit = (split: Study['split']) => labelled.map(({ study }) => study).filter((study) => study.split === split)
  const { dataset: name, seed } = options
  const fractions = { train: 1 - INTERNAL_VALIDATION, validation: INTERNAL_VALIDATION, test: 0 }
  const trained = name === 'ct-rate' ? partitionByPatient(ofSplit('train'), { seed, fractions }) : ofSplit('train')
  const chosen = {
    train: trained.filter(({ split }) => split === 'train'),
    validation: name === 'ct-rate' ? trained.filter(({ split }) => split === 'validation') : ofSplit('validation'),
    test: ofSplit(name === 'ct-rate' ? 'validation' : 'test'),
  }
  for (const [part, studies] of Object.entries(chosen)) {
    if (studies.length === 0) throw new DataError(`has no labelled studies for ${part}`, { path: dataset.folder })
  }
  const labelsOf = (study: Study) => (name === 'ct-rate' ? study.labels! : radChestCtAsCtRate(study.labels!))
  const findings = ctRateFindings.filter((finding) => finding in labelsOf(chosen.test[0]!))
  const shape = results[0]!.shape as [number, number]
  const dataOf = (studies: readonly Study[]): ProbeData => ({
    ...{ studies: studies.length, shape, findings },
    labels: studies.flatMap((study) => findings.map((finding) => labelsOf(study)[finding]!)),
    tokens: async (n) => toFloat32(await readNpy(tokensOf.get(studies[n]!.id)!)),
  })
  return { train: dataOf(chosen.train), validation: dataOf(chosen.validation), test: dataOf(chosen.test) }
}

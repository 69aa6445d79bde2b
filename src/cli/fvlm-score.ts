/** `voxgrad fvlm score`: predictions in the published layout against labels. */
import { Command } from 'commander'
import { DataError, RandomStream, readCsv } from '../data/index.js'
import { fvlmFindings } from '../models/index.js'
import {
  evaluateFindings,
  type FindingEvaluation,
  type FindingTable,
  meanDefined,
  thresholdsOf,
} from '../train/index.js'
import { researchNotice } from './options.js'
import { wholeNumber } from './read-options.js'

interface ScoreArguments {
  readonly labels: string
  readonly seed: number
  readonly json?: boolean
}

export function scoreCommand(): Command {
  return new Command('score')
    .description(
      'Score predictions of many scans, as `zeroshot --csv` and the published evaluation write them: with thresholds chosen on ' +
        'the scored data, as published, and with thresholds of other patients',
    )
    .argument('<predictions>', 'a CSV with file_name and a column per finding')
    .requiredOption('--labels <file>', "CT-RATE's valid_predicted_labels.csv, or a CSV of that layout")
    .option('--seed <number>', 'of how patients are divided into halves', wholeNumber, 1)
    .option('--json', 'print everything as JSON')
    .action(score)
}

const measures = ['auroc', 'accuracy', 'specificity', 'sensitivity', 'weightedF1', 'precision'] as const
type Scores = Readonly<Record<(typeof measures)[number], number>>

async function score(path: string, { labels, seed, json }: ScoreArguments): Promise<void> {
  const scans = await readScans(path, labels)
  const findings = fvlmFindings.map(({ label }) => label)
  const published = evaluateFindings(tableOf(scans, findings), { threshold: 'closest-to-corner' })
  const honest = crossed(scans, findings, seed)
  const missing = scans.reduce((sum, { scores }) => sum + scores.filter(Number.isNaN).length, 0)
  if (json) {
    const means = { published: published.macro, otherPatients: honest }
    console.log(
      JSON.stringify({ notice: researchNotice, scans: scans.length, missing, means, findings: published.findings }),
    )
    return
  }
  console.log(`${scans.length} scans, ${missing} missing probabilities, which count as 0`)
  console.log(publishedLines(published).join('\n'))
  const means = [line('mean', published.macro), honest === undefined ? undefined : line('mean, other patients', honest)]
  console.log(means.filter((text) => text !== undefined).join('\n'))
  console.log(
    'The thresholds of the upper mean are chosen on the scored data, which flatters; those of the lower on one half of the ' +
      'patients for the other.',
  )
  console.log(researchNotice)
}

interface LabelledScan {
  readonly patient: string
  /** NaN where there is none. */
  readonly scores: readonly number[]
  readonly labels: readonly number[]
}

/** Throws a DataError for tables without the columns, values that are none, and scans without labels. */
async function readScans(path: string, labelPath: string): Promise<LabelledScan[]> {
  const labels = new Map<string, readonly number[]>()
  const names = fvlmFindings.map(({ label }) => label)
  for await (const row of readCsv(labelPath, ['VolumeName', ...names])) {
    const values = names.map((name) => binary(row[name]!, name, row.VolumeName!, labelPath))
    labels.set(stemOf(row.VolumeName!), values)
  }
  const scans: LabelledScan[] = []
  let columns: readonly string[] | undefined
  for await (const row of readCsv(path, ['file_name'])) {
    columns ??= columnsOf(Object.keys(row), path)
    const stem = stemOf(row.file_name!)
    const own = labels.get(stem)
    if (own === undefined) throw new DataError(`has no labels of ${row.file_name}`, { path: labelPath })
    const scores = columns.map((column) => probability(row[column]!, column, row.file_name!, path))
    // Scans and reconstructions of one person must not be on both sides: `valid_12_a_1` is of `valid_12`.
    scans.push({ patient: /^((?:train|valid)_\d+)_/.exec(stem)?.[1] ?? stem, scores, labels: own })
  }
  if (scans.length === 0) throw new DataError('holds no predictions', { path })
  return scans
}

/** Columns are named `anatomy_label_negative_positive`; the prompts may be others. */
function columnsOf(header: readonly string[], path: string): string[] {
  return fvlmFindings.map(({ anatomy, label }) => {
    const found = header.filter((column) => column.startsWith(`${anatomy}_${label}_`))
    if (found.length === 1) return found[0]!
    throw new DataError(`has ${found.length === 0 ? 'no column' : 'several columns'} for ${anatomy}, ${label}`, {
      path,
      remedy: `Columns are named as in ${anatomy}_${label}_Not ${label}._${label}.`,
    })
  })
}

const stemOf = (file: string): string =>
  file
    .trim()
    .replace(/^.*\//, '')
    .replace(/\.nii(\.gz)?$/, '')

function probability(text: string, column: string, scan: string, path: string): number {
  if (text.trim() === '') return Number.NaN
  const value = Number(text)
  if (value >= 0 && value <= 1) return value
  throw new DataError(`${column} of ${scan} is '${text}', which is no probability`, { path })
}

function binary(text: string, name: string, scan: string, path: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value === 0 || value === 1) return value
  throw new DataError(`${name} of ${scan} is '${text}', which is neither 0 nor 1`, { path })
}

const tableOf = (scans: readonly LabelledScan[], findings: readonly string[]): FindingTable => ({
  findings,
  scores: scans.flatMap(({ scores }) => scores),
  labels: scans.flatMap(({ labels }) => labels),
})

/** The mean over both halves of the patients, each judged with thresholds of the other; undefined for a single patient. */
function crossed(scans: readonly LabelledScan[], findings: readonly string[], seed: number): Scores | undefined {
  const patients = [...new Set(scans.map(({ patient }) => patient))].sort()
  if (patients.length < 2) return undefined
  const random = new RandomStream(seed, 0)
  const drawn = patients.map((patient) => ({ patient, key: random.uniform() })).sort((a, b) => a.key - b.key)
  const first = new Set(drawn.slice(0, Math.floor(drawn.length / 2)).map(({ patient }) => patient))
  const halves = [true, false].map((side) =>
    tableOf(
      scans.filter(({ patient }) => first.has(patient) === side),
      findings,
    ),
  )
  const judged = halves.map((half, n) => {
    const chosen = evaluateFindings(halves[1 - n]!, { threshold: 'closest-to-corner' })
    return evaluateFindings(half, { threshold: thresholdsOf(chosen) }).macro
  })
  return Object.fromEntries(
    measures.map((measure) => [measure, meanDefined(judged.map((macro) => macro[measure]))]),
  ) as Scores
}

function publishedLines({ findings }: FindingEvaluation): string[] {
  const head = `${''.padEnd(36)}${['AUC', 'ACC', 'spec', 'sens', 'F1', 'prec', 'thr'].map((name) => name.padStart(8)).join('')}`
  return [
    head,
    ...Object.entries(findings).map(
      ([name, result]) => `${line(name, result)}${result.threshold.toFixed(3).padStart(8)}`,
    ),
  ]
}

const line = (name: string, scores: Scores): string =>
  name.padEnd(36) + measures.map((measure) => cell(scores[measure])).join('')

const cell = (value: number): string => (Number.isNaN(value) ? '-' : value.toFixed(4)).padStart(8)

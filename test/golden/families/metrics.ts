import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BinaryScores,
  type BleuSmoothing,
  bleu,
  decisionScores,
  dice,
  dotProducts,
  retrievalScores,
  rougeL,
  type TextPair,
  tokenizeSpaces,
} from '../../../src/train/metrics/index.js'
import { checkNumbers, failure } from '../checks.js'
import { type GoldenFile, readGolden } from '../tensors.js'
import type { CheckResult, GoldenRow } from '../types.js'

/** Both sides compute in float64; what is left is the order of a few thousand additions. */
const BOUND = 1e-12

export const metricOps: ReadonlySet<string> = new Set(['roc', 'dice', 'recall_at_k', 'text_metrics'])

/** Family `metrics`. Every output that a file holds is computed and compared; one without a rule is a failure. */
export async function runMetrics(row: GoldenRow, dir: string): Promise<CheckResult[]> {
  const path = join(dir, row.file)
  if (row.op === 'text_metrics') return checkTexts(JSON.parse(await readFile(path, 'utf8')))
  const file = await readGolden(path)
  const got = row.op === 'roc' ? roc(file) : row.op === 'dice' ? diceByClass(file, row) : recallAtK(file, row)
  return file.names('output.').map((name) => {
    const values = got[name]
    if (values === undefined) return failure(name, 'there is no rule for this output')
    return checkNumbers(name, values, file.values(`output.${name}`), BOUND)
  })
}

type Outputs = Record<string, ArrayLike<number>>

function roc(file: GoldenFile): Outputs {
  const [items, classes] = file.entry('input.scores').shape as [number, number]
  const [scores, labels] = [file.values('input.scores'), file.values('input.labels')]
  const columns = Array.from({ length: classes }, (_, column) => {
    const of = (values: Float64Array) => Array.from({ length: items }, (_, n) => values[n * classes + column]!)
    return new BinaryScores(of(scores), of(labels))
  })
  const best = columns.map((column) => column.bestF1())
  const [auroc, averagePrecision] = [columns.map((c) => c.auroc()), columns.map((c) => c.averagePrecision())]
  return {
    auroc,
    average_precision: averagePrecision,
    macro_auroc: [mean(auroc)],
    macro_ap: [mean(averagePrecision)],
    best_f1: best.map(({ f1 }) => f1),
    best_f1_threshold: best.map(({ threshold }) => threshold),
    balanced_accuracy: best.map(({ confusion }) => decisionScores(confusion).balancedAccuracy),
  }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Absent from both is written as -1 there. */
function diceByClass(file: GoldenFile, { params }: GoldenRow): Outputs {
  const [a, b] = [file.values('input.a'), file.values('input.b')]
  const classes = Array.from({ length: Number(params.classes) }, (_, label) => dice(a, b, label))
  return { dice: classes.map((value) => (Number.isNaN(value) ? -1 : value)) }
}

function recallAtK(file: GoldenFile, { params }: GoldenRow): Outputs {
  const similarities = dotProducts(
    file.values('input.query'),
    file.values('input.gallery'),
    file.entry('input.query').shape[1]!,
  )
  const ks = params.k as number[]
  const scores = retrievalScores(similarities, Array.from(file.values('input.target')), ks)
  return { rank: scores.ranks, recall: ks.map((k) => scores.recall[k]!), median_rank: [scores.medianRank] }
}

interface TextCases {
  readonly cases: readonly {
    readonly hypothesis: string
    readonly references: readonly string[]
    readonly bleu: number[]
    readonly bleu_floor: number[]
    readonly rouge_l: readonly { precision: number; recall: number; f1: number }[]
  }[]
  readonly corpus_bleu: number[]
}

function checkTexts({ cases, corpus_bleu }: TextCases): CheckResult[] {
  const pairs = cases.map(
    ({ hypothesis, references }): TextPair => ({
      hypothesis: tokenizeSpaces(hypothesis),
      references: references.map(tokenizeSpaces),
    }),
  )
  const check = (name: string, own: TextPair[], want: number[], smoothing: BleuSmoothing): CheckResult => {
    const got = want.map((_, n) => bleu(own, { maxOrder: n + 1, smoothing }))
    return checkNumbers(name, got, want, BOUND)
  }
  const single = cases.flatMap((expected, n) => {
    const pair = pairs[n]!
    const rouge = pair.references.map((reference) => rougeL(pair.hypothesis, reference))
    const flat = (list: readonly { precision: number; recall: number; f1: number }[]) =>
      list.flatMap(({ precision, recall, f1 }) => [precision, recall, f1])
    return [
      check(`bleu of '${expected.hypothesis}'`, [pair], expected.bleu, { kind: 'none' }),
      check(`bleu_floor of '${expected.hypothesis}'`, [pair], expected.bleu_floor, { kind: 'floor' }),
      checkNumbers(`rouge_l of '${expected.hypothesis}'`, flat(rouge), flat(expected.rouge_l), BOUND),
    ]
  })
  return [...single, check('corpus_bleu', pairs, corpus_bleu, { kind: 'none' })]
}

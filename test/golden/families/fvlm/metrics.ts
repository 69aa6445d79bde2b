/** The case `metrics`: fVLM's protocol, which chooses thresholds on the test data. */
import { evaluateFindings } from '../../../../src/train/index.js'
import { checkEqual, checkNumbers } from '../../checks.js'
import { configOf, open, type Runner } from './common.js'

const bound = 1e-12

/** Names of the case by ours, and of its printed lines. */
const measures = [
  ['auroc', 'auc', 'AUC'],
  ['accuracy', 'acc', 'ACC'],
  ['specificity', 'specificity', 'Spec'],
  ['sensitivity', 'sensitivity', 'Sens'],
  ['weightedF1', 'f1_weighted', 'F1'],
  ['precision', 'precision', 'Prec'],
] as const

export const runMetrics: Runner = async (row, dir) => {
  const { names, per_label, macro, printed } = configOf(row)
  const golden = await open(row, dir)
  const scores = golden.values(golden.has('input.scores.f64') ? 'input.scores.f64' : 'input.scores')
  const table = { findings: names as string[], scores, labels: golden.values('input.labels') }
  const got = evaluateFindings(table, { threshold: 'closest-to-corner', missing: 0 })
  const perLabel = (names as string[]).flatMap((name) => {
    const [own, want] = [got.findings[name]!, per_label[name]]
    return [
      checkNumbers(`${name} threshold`, [own.threshold], [want.threshold], bound),
      checkNumbers(`${name} positives`, [own.positives], [want.positives], 0),
      ...measures.map(([ours, theirs]) => checkNumbers(`${name} ${theirs}`, [own[ours]], [want[theirs]], bound)),
    ]
  })
  const lines = measures.map(([ours, , label]) => `Average ${label} of Ours: ${Number(got.macro[ours].toFixed(3))}`)
  return [
    ...perLabel,
    ...measures.map(([ours, theirs]) => checkNumbers(`macro ${theirs}`, [got.macro[ours]], [macro[theirs]], bound)),
    checkEqual('printed', lines, printed),
  ]
}

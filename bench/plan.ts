/** Everything that a run measures, as items that give rows: kernels, models, host-side costs. */
import { rowLabel, type Selection, selectCases } from './cases.js'
import type { RunContext } from './context.js'
import { type AnyOp, type LoadFailure, loadOperations } from './discover.js'
import { hostNames, hostRow } from './host.js'
import type { BenchModel } from './model.js'
import { loadModels } from './models.js'
import { caseRow, emptyRow } from './rows.js'
import { runCase } from './run-case.js'
import { modelRow, runModel, selectModels } from './run-model.js'
import type { Row } from './schema.js'

export interface Item {
  /** Rows without figures, for when the device is lost underneath. */
  blank(): Row[]
  run(context: RunContext): Promise<readonly Row[]>
}

export interface Inventory {
  readonly ops: readonly AnyOp[]
  readonly models: readonly BenchModel[]
  readonly failures: readonly LoadFailure[]
}

export async function takeInventory(): Promise<Inventory> {
  const { ops, failures } = await loadOperations()
  const { models, failures: modelFailures } = await loadModels()
  return { ops, models, failures: [...failures, ...modelFailures] }
}

export function planItems({ ops, models, failures }: Inventory, selection: Selection): Item[] {
  const wanted = (name: string) => selection.filter?.test(rowLabel(name, 'host', 'f32')) ?? true
  const cases = selectCases(ops, selection).map(
    (benchCase): Item => ({
      blank: () => benchCase.directions.map((direction) => caseRow(benchCase, direction)),
      run: (context) => runCase(context, benchCase),
    }),
  )
  const ends = selectModels(models, selection).map(
    (run): Item => ({
      blank: () => [modelRow(run)],
      run: async (context) => [await runModel(context, run)],
    }),
  )
  const host = hostNames.filter(wanted).map(
    (name): Item => ({
      blank: () => [],
      run: async ({ session }) => [await hostRow(session, name)],
    }),
  )
  const broken = failures
    .filter(({ name }) => wanted(name))
    .map(
      (failure): Item => ({
        blank: () => [],
        run: async () => [loadFailureRow(failure)],
      }),
    )
  return [...cases, ...ends, ...host, ...broken]
}

function loadFailureRow({ name, reason }: LoadFailure): Row {
  const row = emptyRow({ name: `${name}/load`, op: name, case: 'load', direction: 'forward', dtype: 'f32' })
  return { ...row, status: 'failed', note: `did not load: ${reason}` }
}

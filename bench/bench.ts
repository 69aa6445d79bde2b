/** A whole run: probes, kernels, models, host-side costs, each told as it comes. */
import { DeviceLostError } from '../src/engine/index.js'
import type { BenchArguments } from './arguments.js'
import { rowLabel, selectCases } from './cases.js'
import { measureProbes } from './ceilings.js'
import type { FloatType } from './cost.js'
import { type LoadFailure, loadOperations } from './discover.js'
import { describeRun } from './environment.js'
import { hostRows } from './host.js'
import { loadModels } from './models.js'
import { loadAllPeers } from './peer.js'
import { caseRow, emptyRow, failedRow } from './rows.js'
import { runCase } from './run-case.js'
import { runModel, selectModels } from './run-model.js'
import type { Header, Probe, Row, Run } from './schema.js'
import { Session } from './session.js'

/** Hears of results as they come. */
export interface Listener {
  header(header: Header): void
  probe(probe: Probe, index: number): void
  /** The header is complete, rows follow. */
  start(header: Header): void
  row(row: Row): void
}

export async function runBench(options: BenchArguments, listener: Listener): Promise<Run> {
  const { filter, quick, profile, variants } = options
  let session = await Session.open({ profile, quick })
  const { ops, failures } = await loadOperations()
  const { models, failures: modelFailures } = await loadModels()
  const peers = options.peers ? await loadAllPeers() : []
  listener.header(describeRun(session, []))
  let probeCount = 0
  const probes = await measureProbes(session, (probe) => listener.probe(probe, probeCount++))
  const header = describeRun(session, probes)
  listener.start(header)
  const rows: Row[] = []
  const add = (found: readonly Row[]) => {
    for (const row of found) {
      rows.push(row)
      listener.row(row)
    }
  }
  const { software, f16 } = session.device.capabilities
  const dtypes = options.dtypes.filter((dtype): dtype is FloatType => dtype === 'f32' || f16)
  const selection = { filter, quick, dtypes, software }
  // A lost device is replaced: the case that lost it is a row, and the rest of the run goes on.
  const guarded = async (fallback: () => Row[], run: (current: Session) => Promise<readonly Row[]>) => {
    try {
      add(await run(session))
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error
      add(fallback().map((row) => failedRow(row, error)))
      session = await Session.open({ profile, quick })
    }
  }
  for (const benchCase of selectCases(ops, selection)) {
    await guarded(
      () => benchCase.directions.map((direction) => caseRow(benchCase, direction)),
      (current) => runCase({ session: current, probes, variants, peers }, benchCase),
    )
  }
  for (const run of selectModels(models, selection)) {
    const { model, test, dtype } = run
    await guarded(
      () => [emptyRow({ name: `${model}/${test.name}`, op: model, case: test.name, direction: 'model', dtype })],
      async (current) => [await runModel(current, probes, run)],
    )
  }
  const wanted = (name: string) => filter?.test(rowLabel(name, 'host', 'f32')) ?? true
  await guarded(
    () => [],
    (current) => hostRows(current, wanted),
  )
  add([...failures, ...modelFailures].filter(({ name }) => filter?.test(name) ?? true).map(loadFailureRow))
  session.close()
  return { header, rows }
}

function loadFailureRow({ name, reason }: LoadFailure): Row {
  const row = emptyRow({ name: `${name}/load`, op: name, case: 'load', direction: 'forward', dtype: 'f32' })
  return { ...row, status: 'failed', note: `did not load: ${reason}` }
}

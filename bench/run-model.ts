/** Runs the end-to-end cases of `bench/models`. */
import { type Device, DeviceLostError, type ProfileRow, profile } from '../src/engine/index.js'
import { isExplicit, rowLabel, type Selection } from './cases.js'
import { boundOf } from './ceilings.js'
import type { RunContext } from './context.js'
import type { FloatType, Work } from './cost.js'
import { measure } from './measure.js'
import { measureModelPeers } from './measure-peers.js'
import type { BenchModel, ModelCase, PreparedModel } from './model.js'
import { emptyRow, failedRow, joinNotes, judgedRow, timedRow, withPeers } from './rows.js'
import { runOnce } from './run-once.js'
import type { Row } from './schema.js'
import { traced } from './trace.js'

export interface ModelRun {
  readonly model: string
  readonly test: ModelCase
  readonly dtype: FloatType
  readonly skip: string | undefined
}

export function selectModels(models: readonly BenchModel[], selection: Selection): ModelRun[] {
  const { filter, quick, dtypes, software } = selection
  return models.flatMap(({ name: model, cases }) =>
    cases.flatMap((test) => {
      const explicit = isExplicit(`${model}/${test.name}`, model, filter)
      if (quick && !test.quick && !explicit) return []
      const tooLarge = `too large for a software adapter, unless named: --filter '${model}/${test.name}, model'`
      const skip = software && !test.software && !explicit ? tooLarge : undefined
      return dtypes
        .filter((dtype) => filter?.test(rowLabel(`${model}/${test.name}`, 'model', dtype)) ?? true)
        .map((dtype) => ({ model, test, dtype, skip }))
    }),
  )
}

export function modelRow({ model, test, dtype }: ModelRun): Row {
  return emptyRow({
    name: `${model}/${test.name}`,
    op: model,
    case: test.name,
    direction: 'model',
    dtype,
    shape: test.shape.map((shape) => [...shape]),
    options: test.options,
  })
}

export async function runModel({ session, probes, peers }: RunContext, run: ModelRun): Promise<Row> {
  const { device } = session
  const { test, dtype, skip } = run
  const blank = modelRow(run)
  if (skip) return { ...blank, status: 'skipped', note: skip }
  let prepared: PreparedModel | undefined
  // What the session itself holds is not the model's.
  const { liveBytes: ownBytes } = device.memory()
  try {
    prepared = await test.prepare(device, dtype)
    if (prepared.checkExecutesOnce && device.capabilities.software && !test.software) {
      return await singleRow({ session, probes }, run, prepared, ownBytes)
    }
    const row = judgedRow(blank, await prepared.check())
    if (row.status !== 'ok') return row
    const { run: execute } = prepared
    device.resetPeakMemory()
    const { launches } = traced(device, execute)
    await device.sync()
    const peak = peakOf(device, ownBytes)
    const { work, slowest } = await costOf(device, execute, test.work)
    const steady = session.steadyFor(boundOf(probes, work, dtype))
    const measurement = await measure(session.context, { run: execute, dispatches: launches.length }, steady)
    const timed = timedRow(row, work, measurement, session.clock, probes)
    const note = joinNotes(timed.note, rateOf(test, timed.medianMs), peak, slowest)
    const beside = await measureModelPeers(session, prepared, peers, timed.medianMs)
    return withPeers({ ...timed, variant: `${launches.length} launches`, note }, beside)
  } catch (error) {
    if (error instanceof DeviceLostError) throw error
    return failedRow(blank, error)
  } finally {
    prepared?.dispose()
    device.pool.trim()
  }
}

/** The row of a case that is too large for a software adapter, on one, because it was asked for by name. */
async function singleRow(
  { session, probes }: Pick<RunContext, 'session' | 'probes'>,
  run: ModelRun,
  prepared: PreparedModel,
  ownBytes: number,
): Promise<Row> {
  const { test } = run
  const { device } = session
  device.resetPeakMemory()
  const { verdict, measurement, processorSeconds, launches, rows } = await runOnce(device, prepared)
  const row = judgedRow(modelRow(run), verdict)
  if (row.status !== 'ok') return row
  const { work, slowest } = summed(rows, test.work)
  const timed = timedRow(row, work, measurement, { kind: 'wall' }, probes)
  const once = `one execution, compilation included, ${Math.round(processorSeconds)} s of processor time`
  const note = joinNotes(timed.note, once, rateOf(test, timed.medianMs), peakOf(device, ownBytes), slowest)
  return { ...timed, variant: `${launches.length} launches`, note }
}

const peakOf = (device: Device, ownBytes: number): string =>
  `at most ${Math.ceil((device.memory().peakBytes - ownBytes) / 2 ** 20)} MiB of tensors, weights included`

function rateOf({ makes }: ModelCase, medianMs: number | null): string {
  return makes && medianMs ? `${((1000 * makes.count) / medianMs).toPrecision(3)} ${makes.what}/s` : ''
}

/** Work of one execution, added up over its operations, and where its time goes. */
async function costOf(device: Device, execute: () => void, known: Work | undefined) {
  return summed(device.capabilities.timestampQuery ? (await profile(device, execute)).rows : [], known)
}

function summed(rows: readonly ProfileRow[], known: Work | undefined): { work: Work; slowest: string } {
  const sum = (key: 'flops' | 'bytes') => rows.reduce((total, row) => total + row[key], 0)
  const slowest = rows
    .slice(0, 3)
    .map(({ op, share }) => `${op} ${(100 * share).toFixed(0)} %`)
    .join(', ')
  return {
    work: known ?? { flops: sum('flops'), bytes: sum('bytes') },
    slowest: slowest === '' ? '' : `most time in ${slowest}`,
  }
}

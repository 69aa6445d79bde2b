/** Runs one case: correctness first, then its passes and variants against each other, then against peers. */
import { DeviceLostError } from '../src/engine/index.js'
import type { BenchCase, Direction } from './cases.js'
import { boundOf } from './ceilings.js'
import { type Entry, forcedEntries, pickedEntry } from './contestants.js'
import type { RunContext } from './context.js'
import type { FloatType } from './cost.js'
import { interleave } from './measure.js'
import { measurePeers } from './measure-peers.js'
import { hostInputs, type Pass, Problem } from './problem.js'
import { duration } from './report/format.js'
import { caseRow, failedRow, judgedRow, timedRow, withPeers } from './rows.js'
import type { Row } from './schema.js'
import { quickPatienceMs, type Session } from './session.js'
import { judgedPart, verifyForward } from './verify/forward.js'
import { verifyBackward } from './verify/gradients.js'
import type { Subproblem } from './verify/subproblem.js'

/** Every row of a case. Only the loss of the device is thrown: everything else is a row. */
export async function runCase(context: RunContext, benchCase: BenchCase): Promise<Row[]> {
  const { device } = context.session
  if (benchCase.skip) {
    return benchCase.directions.map((direction) => ({
      ...caseRow(benchCase, direction),
      status: 'skipped',
      note: benchCase.skip!,
    }))
  }
  const rows: Row[] = []
  let problem: Problem | undefined
  try {
    problem = new Problem(device, benchCase, hostInputs(benchCase))
    const part = onFirstUse(judgedPart, problem, context.session.referenceBudget)
    for (const direction of benchCase.directions) rows.push(...(await runDirection(context, problem, part, direction)))
  } catch (error) {
    if (error instanceof DeviceLostError) throw error
    const missing = benchCase.directions.filter((direction) => !rows.some((row) => row.direction === direction))
    rows.push(...missing.map((direction) => failedRow(caseRow(benchCase, direction), error)))
  } finally {
    problem?.dispose()
    // Buffers of one shape are of no use to the next, and a large case would keep them from others.
    device.pool.trim()
  }
  return rows
}

/** The reference is slow, and a case may turn out to be left out. */
function onFirstUse<A extends unknown[], R>(compute: (...args: A) => R, ...args: A): () => R {
  let result: { readonly value: R } | undefined
  return () => {
    result ??= { value: compute(...args) }
    return result.value
  }
}

async function runDirection(
  context: RunContext,
  problem: Problem,
  part: () => Subproblem | undefined,
  direction: Direction,
): Promise<Row[]> {
  const { device } = problem
  const blank = caseRow(problem.case, direction)
  let pass: Pass
  try {
    pass = direction === 'forward' ? problem.forward() : problem.backward()
    await device.sync()
  } catch (error) {
    if (error instanceof DeviceLostError) throw error
    return [failedRow(blank, error)]
  }
  const skip = likeAnother(context, pass, blank) ?? (await tooSlow(context.session, pass))
  if (skip) return [{ ...blank, variant: pass.kernels.join(' + '), status: 'skipped', note: skip }]
  const entries = [pickedEntry(pass), ...(context.variants ? await forcedEntries(problem, pass) : [])]
  const judged: { entry: Entry; row: Row }[] = []
  for (const entry of entries) judged.push({ entry, row: await judge(problem, part(), direction, entry, blank) })
  const sound = judged.filter(({ row }) => row.status === 'ok')
  const rows = new Map(judged.map(({ entry, row }) => [entry, row]))
  try {
    const measurements =
      sound.length > 0
        ? await interleave(
            context.session.context,
            sound.map(({ entry }) => entry),
            context.session.steadyFor(boundOf(context.probes, pass.work, blank.dtype as FloatType)),
          )
        : []
    for (const [i, { entry, row }] of sound.entries()) {
      rows.set(entry, timedRow(row, pass.work, measurements[i]!, context.session.clock, context.probes))
    }
    await addPeers(context, problem, direction, pass, rows)
  } catch (error) {
    if (error instanceof DeviceLostError) throw error
    for (const { entry, row } of sound) rows.set(entry, failedRow(row, error))
  }
  return [...rows.values()]
}

/**
 * Why a pass need not be measured: another case ran the same kernels. Those of elementwise functions have one name and do
 * different things.
 */
function likeAnother(
  { firstOfKernels }: RunContext,
  { kernels }: Pass,
  { name, direction, dtype }: Row,
): string | undefined {
  if (!firstOfKernels || kernels.every((kernel) => kernel.startsWith('elementwise/'))) return undefined
  const key = [direction, dtype, ...kernels].join(' ')
  const first = firstOfKernels.get(key) ?? name
  firstOfKernels.set(key, first)
  // An operation may have several cases in a quick run.
  return first.split('/')[0] === name.split('/')[0] ? undefined : `the kernels of ${first}, left out of --quick`
}

/** Why `--quick` leaves a pass out: on a software adapter, a second of samples each would be an hour. */
async function tooSlow({ quick, device, clock }: Session, { run }: Pass): Promise<string | undefined> {
  if (!quick || !device.capabilities.software) return undefined
  let [ms] = await clock.time([{ run }])
  // Waited for without a sleep, it was polled upon and took longer.
  if (ms! > quickPatienceMs) [ms] = await clock.time([{ run }], ms)
  return ms! > quickPatienceMs ? `takes ${duration(ms)}: too slow for --quick` : undefined
}

/** The row of an entry with its verdict, or with what kept it from running. */
async function judge(
  problem: Problem,
  part: Subproblem | undefined,
  direction: Direction,
  entry: Entry,
  blank: Row,
): Promise<Row> {
  const row = { ...blank, variant: entry.variant, picked: entry.picked }
  if (entry.failure) return failedRow(row, entry.failure)
  try {
    const verify = direction === 'forward' ? verifyForward : verifyBackward
    return judgedRow(row, await verify(problem, part, entry))
  } catch (error) {
    if (error instanceof DeviceLostError) throw error
    return failedRow(row, error)
  }
}

/** Peers are measured beside the variant that the engine picks. */
async function addPeers(
  { session, peers }: RunContext,
  problem: Problem,
  direction: Direction,
  pass: Pass,
  rows: Map<Entry, Row>,
): Promise<void> {
  const picked = [...rows].find(([entry, row]) => entry.picked && row.status === 'ok')
  if (peers.length === 0 || !picked) return
  rows.set(
    picked[0],
    withPeers(picked[1], await measurePeers(session, problem, direction, pass, peers, picked[1].medianMs)),
  )
}

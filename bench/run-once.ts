/** Models that take minutes an execution, as published sizes do on a software adapter: the one that is checked is timed. */
import { type Device, type ProfileRow, profile } from '../src/engine/index.js'

import type { Measurement } from './measure.js'
import type { PreparedModel } from './model.js'
import { summarize } from './statistics.js'
import { traced } from './trace.js'
import type { Verdict } from './verify/verdict.js'

export interface SingleRun {
  readonly verdict: Verdict
  /** One sample, of the wall clock, from the first recorded command to the checked result: compilation is in it. */
  readonly measurement: Measurement
  readonly launches: readonly string[]
  /** Where its time went; empty where the adapter has no timestamps. */
  readonly rows: readonly ProfileRow[]
}

/** Executes a model whose check is one execution, once. */
export async function runOnce(device: Device, prepared: PreparedModel): Promise<SingleRun> {
  const execute = async (): Promise<Omit<SingleRun, 'rows'>> => {
    const start = performance.now()
    // Recorded synchronously, so that the trace ends where the wait begins.
    const { result, launches } = traced(device, () => prepared.check())
    const verdict = await result
    const warm = summarize([performance.now() - start])
    return { verdict, launches, measurement: { warm, coldMedianMs: Number.NaN, repeats: 1, pace: undefined } }
  }
  await device.sync()
  if (!device.capabilities.timestampQuery) return { ...(await execute()), rows: [] }
  const { result, rows } = await profile(device, execute)
  return { ...result, rows }
}

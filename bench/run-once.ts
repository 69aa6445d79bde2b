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
  /**
   * Of this process over that time, all threads together. A software adapter computes in them, so that this stays the same
   * where other work on the machine makes the sample longer.
   */
  readonly processorSeconds: number
  readonly launches: readonly string[]
  /** Where its time went; empty where the adapter has no timestamps. */
  readonly rows: readonly ProfileRow[]
}

/** Executes a model whose check is one execution, once. */
export async function runOnce(device: Device, prepared: PreparedModel): Promise<SingleRun> {
  const execute = async (): Promise<Omit<SingleRun, 'rows'>> => {
    const [start, before] = [performance.now(), process.cpuUsage()]
    // Recorded synchronously, so that the trace ends where the wait begins.
    const { result, launches } = traced(device, () => prepared.check())
    const verdict = await result
    const warm = summarize([performance.now() - start])
    const { user, system } = process.cpuUsage(before)
    const measurement = { warm, coldMedianMs: Number.NaN, repeats: 1, pace: undefined }
    return { verdict, measurement, launches, processorSeconds: (user + system) / 1e6 }
  }
  await device.sync()
  if (!device.capabilities.timestampQuery) return { ...(await execute()), rows: [] }
  const { result, rows } = await profile(device, execute)
  return { ...result, rows }
}

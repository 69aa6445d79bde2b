/** How long the stages of some work took. */
import { performance } from 'node:perf_hooks'

/** Milliseconds by stage, in the order in which the stages first ran. */
export type StageTimes = Readonly<Record<string, number>>

/** Adds up times by stage. */
export class Stopwatch {
  readonly timesMs: Record<string, number> = {}

  async time<T>(stage: string, run: () => T | Promise<T>): Promise<T> {
    const start = performance.now()
    const result = await run()
    this.add({ [stage]: performance.now() - start })
    return result
  }

  add(times: StageTimes): void {
    for (const [stage, ms] of Object.entries(times)) {
      this.timesMs[stage] = Math.round(((this.timesMs[stage] ?? 0) + ms) * 10) / 10
    }
  }
}

/** What probes share: a kernel without variants, and the fastest rate of work that can be made as long as needed. */

import type { Clock } from '../../src/engine/clock.js'
import { dispatch } from '../../src/engine/dispatch.js'
import type { Device } from '../../src/engine/index.js'
import type { Kernel, KernelVariant } from '../../src/engine/kernel.js'
import type { Probe } from '../schema.js'

export interface ProbeContext {
  readonly device: Device
  readonly clock: Clock
  readonly quick: boolean
}

/** A probe before it is measured: what it will report, and how to find the value. */
export interface ProbePlan {
  readonly describe: Omit<Probe, 'value' | 'status' | 'note'>
  /** A reason why this adapter cannot run it. */
  readonly unsupported?: string | undefined
  measure(context: ProbeContext): Promise<{ value: number; note?: string }>
}

/** Measures a plan. Failures become results: a probe that cannot run leaves the others alone. */
export async function runProbe(context: ProbeContext, plan: ProbePlan): Promise<Probe> {
  const { describe, unsupported } = plan
  if (unsupported) return { ...describe, value: null, status: 'unsupported', note: unsupported }
  try {
    const { value, note = '' } = await plan.measure(context)
    return { ...describe, value, status: 'ok', note }
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0]! : String(error)
    return { ...describe, value: null, status: 'failed', note: reason }
  }
}

/** A kernel of one variant that no registry knows. */
export function probeKernel<P>(name: string, variant: Omit<KernelVariant<P>, 'name'>): Kernel<P> {
  return { name: `probe ${name}`, variants: [{ name: 'probe', ...variant }] }
}

export { dispatch }

/** A sample of a probe takes at least this long. */
const sampleMs = { quick: 4, full: 20 }
const sampleCount = { quick: 4, full: 15 }
const mostRounds = 2 ** 26

/**
 * The best rate, in units per second, of `work(rounds)`, which records work of `unitsPerRound * rounds`. A ceiling is what
 * the device did when nothing disturbed it, hence the fastest sample and not the median.
 */
export async function bestRate(
  { clock, quick }: ProbeContext,
  work: (rounds: number) => void,
  unitsPerRound: number,
  firstRounds = 1,
): Promise<number> {
  const scale = quick ? 'quick' : 'full'
  const time = async (rounds: number, expectedMs = 0) =>
    (await clock.time([{ run: () => work(rounds) }], expectedMs))[0]!
  let rounds = firstRounds
  // The first execution compiles.
  await time(rounds)
  let ms = await time(rounds)
  while (ms < sampleMs[scale] && rounds < mostRounds) {
    rounds *= Math.max(2, Math.min(16, Math.floor(sampleMs[scale] / Math.max(ms, 1e-3))))
    ms = await time(rounds)
  }
  for (let sample = 1; sample < sampleCount[scale]; sample++) ms = Math.min(ms, await time(rounds, ms))
  return (unitsPerRound * rounds) / (ms / 1000)
}

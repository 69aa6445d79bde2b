/** Takes the samples of a case: warm-up, calibration, then interleaved samples with warm and with overwritten caches. */
import type { Clock, Task } from '../src/engine/clock.js'
import { median, type Summary, summarize } from './statistics.js'

export interface SamplingSettings {
  readonly minSamples: number
  /** Seconds of measured work, at least, over all samples of a case. */
  readonly minSeconds: number
  readonly coldSamples: number
  /** Executions before any sample counts, in seconds. */
  readonly warmUpSeconds: number
}

export const fullSampling: SamplingSettings = {
  minSamples: 20,
  minSeconds: 0.5,
  coldSamples: 20,
  warmUpSeconds: 0.05,
}
export const quickSampling: SamplingSettings = {
  minSamples: 6,
  minSeconds: 0.06,
  coldSamples: 2,
  warmUpSeconds: 0,
}

/** One side of a comparison. */
export interface Contestant {
  /** Records one execution. */
  readonly run: () => void
  /** Kernel launches of one execution, which bound how many executions a submission holds. */
  readonly dispatches: number
}

export interface Measurement {
  /** Milliseconds per execution. */
  readonly warm: Summary
  /** One execution after the caches were overwritten; NaN where no cold samples were asked for. */
  readonly coldMedianMs: number
  /** Executions per warm sample. */
  readonly repeats: number
  /** Executions per second of the steady work that alternated with the warm samples; undefined without one. */
  readonly pace: number | undefined
}

export interface MeasureContext {
  readonly clock: Clock
  readonly settings: SamplingSettings
  /** Records a kernel that overwrites the caches. */
  readonly flushCaches: () => void
  /** About how long that kernel takes. */
  readonly flushMs: number
}

/** A sample shorter than this is mostly stamps and launch gaps. */
const leastSampleMs = 1
/** Parameters of this many launches fit in one submission. */
const launchesPerSubmission = 3500
const mostRepeats = 1000
/** Ends the sampling of work that takes no time at all. */
const mostRounds = 2000
/** Slow work gets fewer cold samples once they have taken so long: they give one median, which is no comparison. */
const coldPatienceMs = 2000
const fewestColdSamples = 5
/** Samples that are recorded before the first is read back. */
const batchMs = 150

/** Measures one contestant, in alternation with `steady` if there is one. */
export async function measure(
  context: MeasureContext,
  contestant: Contestant,
  steady?: Contestant,
): Promise<Measurement> {
  return (await interleave(context, [contestant], steady))[0]!
}

/**
 * Measures contestants against each other: their samples alternate, so that a change of clock speed or load in between
 * meets all of them. `steady` is one more, whose times tell how fast the machine was.
 */
export async function interleave(
  context: MeasureContext,
  contestants: readonly Contestant[],
  steady?: Contestant,
): Promise<readonly Measurement[]> {
  if (!steady) return alternate(context, contestants)
  const measurements = await alternate(context, [...contestants, steady])
  const pace = 1000 / measurements.at(-1)!.warm.median
  return measurements.slice(0, -1).map((measurement) => ({ ...measurement, pace }))
}

async function alternate(context: MeasureContext, contestants: readonly Contestant[]): Promise<readonly Measurement[]> {
  const { settings } = context
  const repeats: number[] = []
  const estimates: number[] = []
  for (const contestant of contestants) {
    const estimateMs = await warmUp(context, contestant)
    estimates.push(estimateMs)
    repeats.push(repeatsFor(estimateMs, contestant.dispatches, settings))
  }
  const coldTasks = contestants.map(({ run }) => ({ before: context.flushCaches, run }))
  const cold = await sampleAll(context, coldTasks, {
    estimatesMs: estimates.map((estimate) => estimate + context.flushMs),
    wantedRounds: (rounds, totalMs) =>
      rounds >= fewestColdSamples && totalMs > coldPatienceMs ? 0 : settings.coldSamples - rounds,
  })
  const warmTasks = contestants.map(({ run }, i) => ({
    run: () => {
      for (let r = 0; r < repeats[i]!; r++) run()
    },
  }))
  const sampleMs = estimates.map((estimate, i) => estimate * repeats[i]!)
  const shortestMs = Math.max(Math.min(...sampleMs), 1e-3)
  const warm = await sampleAll(context, warmTasks, {
    estimatesMs: sampleMs,
    wantedRounds: (rounds, totalMs) => {
      // A fifth more, because estimates are rather too high: a second batch for one missing sample costs more.
      const bySeconds = Math.ceil((1.2 * (1000 * settings.minSeconds - totalMs)) / shortestMs)
      return Math.min(Math.max(settings.minSamples - rounds, bySeconds), mostRounds - rounds)
    },
  })
  return contestants.map((_, i) => ({
    warm: summarize(warm[i]!.map((ms) => ms / repeats[i]!)),
    coldMedianMs: median(cold[i]!),
    repeats: repeats[i]!,
    pace: undefined,
  }))
}

/** Executes until the clocks have risen; the time of one execution, roughly. */
async function warmUp({ clock, settings }: MeasureContext, { run }: Contestant): Promise<number> {
  let last = (await clock.time([{ run }]))[0]!
  const start = performance.now()
  do last = (await clock.time([{ run }], last))[0]!
  while (performance.now() - start < 1000 * settings.warmUpSeconds)
  return last
}

/** Executions per sample: long enough to dwarf the stamps, short enough to leave the wanted number of samples. */
export function repeatsFor(estimateMs: number, dispatches: number, settings: SamplingSettings): number {
  const wantedMs = Math.max(leastSampleMs, (1000 * settings.minSeconds) / settings.minSamples)
  const wanted = Math.ceil(wantedMs / Math.max(estimateMs, 1e-4))
  const fitting = Math.floor(launchesPerSubmission / Math.max(1, dispatches))
  return Math.max(1, Math.min(wanted, fitting, mostRepeats))
}

interface Plan {
  /** Milliseconds of each task, roughly, with what comes before it. */
  readonly estimatesMs: readonly number[]
  /** Rounds still wanted after so many, of which the shortest task took so long in all. */
  wantedRounds(rounds: number, shortestTotalMs: number): number
}

/**
 * Rounds of one sample per task, in batches so that recording runs ahead of the device. The first round of a batch is not
 * a sample: it wakes the device up.
 */
async function sampleAll(
  { clock }: MeasureContext,
  tasks: readonly Task[],
  { estimatesMs, wantedRounds }: Plan,
): Promise<number[][]> {
  const samples = tasks.map((): number[] => [])
  const roundMs = sum(estimatesMs)
  const roundsPerBatch = Math.max(1, Math.min(16, Math.floor(batchMs / Math.max(roundMs, 0.01))))
  for (;;) {
    const wanted = wantedRounds(samples[0]!.length, Math.min(...samples.map(sum)))
    if (wanted <= 0) return samples
    const rounds = 1 + Math.min(roundsPerBatch, wanted)
    const times = await clock.time(Array.from({ length: rounds }, () => tasks).flat(), rounds * roundMs)
    for (const [i, ms] of times.slice(tasks.length).entries()) samples[i % tasks.length]!.push(ms)
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

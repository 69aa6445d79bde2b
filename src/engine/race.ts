/** Finds the fastest of several ways to do the same, without spending much time on the slow ones. */
import type { Clock } from './clock.js'

export interface Racer {
  readonly name: string
  /** Records one execution. Everything it needs is compiled. */
  record(): void
}

export interface RaceOptions {
  /** Heats end when this much measured time is spent. Every racer gets a first sample, whatever it takes. */
  readonly mostMs: number
  /** Fast enough: nobody is measured any longer once someone takes no more. */
  readonly enoughMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Standing {
  readonly name: string
  /** Milliseconds per execution. */
  readonly medianMs: number
  /** Samples that the median is of. */
  readonly samples: number
}

/** Executions beyond so many times the fastest first sample end there. */
const hopeless = 4
const firstHeat = 3
/** Work that raises the device's clocks before anything counts. */
const warmUpMs = 20
/** Executions up to this long are cheap enough to be measured once more, by a clock that knows what to expect. */
const briefMs = 100
/** Shorter samples are mostly stamps and launch gaps; the wall clock also sees wake-ups. */
const leastSampleMs = { timestamp: 1, wall: 5 }
const mostRepeats = 1000

interface Runner extends Racer {
  readonly firstMs: number
  /** Executions per sample. */
  readonly repeats: number
  readonly times: number[]
}

/**
 * Successive halving: everyone gives one sample, those near the fastest run in heats in which their samples alternate, so that
 * a change of clock speed or load meets all of them, and after each heat the faster half goes on to one of twice the
 * length. Returns the standings in the order of the racers.
 */
export async function race(clock: Clock, racers: readonly Racer[], options: RaceOptions): Promise<Standing[]> {
  const { mostMs, enoughMs = 0, signal } = options
  await warmUp(clock, racers[0])
  const runners: Runner[] = []
  for (const racer of racers) {
    signal?.throwIfAborted()
    runners.push(await firstRun(clock, racer))
  }
  let spentMs = runners.reduce((sum, { firstMs, repeats }) => sum + firstMs * repeats, 0)
  const fastestMs = Math.min(...runners.map(({ firstMs }) => firstMs))
  let alive = runners.filter(({ firstMs }) => firstMs <= hopeless * fastestMs)
  for (let rounds = firstHeat; ; rounds *= 2) {
    signal?.throwIfAborted()
    spentMs += await heat(clock, alive, rounds, mostMs - spentMs)
    alive = [...alive].sort((a, b) => medianOf(a) - medianOf(b))
    if (alive.length <= 2 || spentMs >= mostMs || medianOf(alive[0]!) <= enoughMs) break
    alive = alive.slice(0, Math.ceil(alive.length / 2))
  }
  return runners.map((runner) => ({
    name: runner.name,
    medianMs: medianOf(runner),
    samples: Math.max(1, runner.times.length),
  }))
}

async function warmUp(clock: Clock, racer: Racer | undefined): Promise<void> {
  if (!racer) return
  for (let repeats = 1, ms = 0; ms < warmUpMs && repeats <= mostRepeats; repeats *= 2) {
    ms = await sample(clock, racer, repeats)
  }
}

/** A first sample: of one execution where that takes long, else of as many as it takes, now that it is known how many. */
async function firstRun(clock: Clock, racer: Racer): Promise<Runner> {
  const onceMs = await sample(clock, racer, 1)
  const repeats = repeatsFor(clock, onceMs)
  const firstMs = onceMs > briefMs ? onceMs : (await sample(clock, racer, repeats, onceMs * repeats)) / repeats
  return { name: racer.name, record: () => racer.record(), firstMs, repeats: repeatsFor(clock, firstMs), times: [] }
}

const repeatsFor = ({ kind }: Clock, ms: number): number =>
  Math.min(Math.ceil(leastSampleMs[kind] / Math.max(ms, 1e-4)), mostRepeats)

async function sample(clock: Clock, racer: Racer, repeats: number, expectedMs = 0): Promise<number> {
  const [ms] = await clock.time([{ run: repeated(racer, repeats) }], expectedMs)
  return ms!
}

const repeated = (racer: Racer, times: number) => () => {
  for (let i = 0; i < times; i++) racer.record()
}

/** As many rounds as fit into the time left, but at least one. Returns the time it took. */
async function heat(clock: Clock, runners: readonly Runner[], rounds: number, leftMs: number): Promise<number> {
  const roundMs = runners.reduce((sum, { firstMs, repeats }) => sum + firstMs * repeats, 0)
  const fitting = Math.max(1, Math.min(rounds, Math.floor(leftMs / Math.max(roundMs, 1e-3))))
  const tasks = runners.map((runner) => ({ run: repeated(runner, runner.repeats) }))
  const times = await clock.time(Array.from({ length: fitting }, () => tasks).flat(), fitting * roundMs)
  for (const [i, ms] of times.entries()) {
    const { repeats, times: own } = runners[i % runners.length]!
    own.push(ms / repeats)
  }
  return times.reduce((sum, ms) => sum + ms, 0)
}

/** Of the heats; of the first run, which also warms up, only where there was no heat. */
function medianOf({ times, firstMs }: Runner): number {
  if (times.length === 0) return firstMs
  const sorted = [...times].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

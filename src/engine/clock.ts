/**
 * Times recorded work. With timestamp queries, between two stamps in the command stream; without, by the wall clock
 * around submission and completion.
 *
 * A stamp is written at the *end* of an empty pass. Dawn writes the stamp of a pass's beginning as soon as the command
 * is read (`TOP_OF_PIPE`), while earlier kernels may still run; that of its end waits for everything before it
 * (`BOTTOM_OF_PIPE`). Two ends enclose exactly the kernels recorded between them.
 */
import type { Device } from './device.js'

/** Work that is recorded synchronously. */
export interface Task {
  /** Recorded and executed before the measurement starts. */
  readonly before?: () => void
  readonly run: () => void
}

export interface Clock {
  readonly kind: 'timestamp' | 'wall'
  /**
   * Milliseconds of each task, in order. `expectedMs` is about what all of them take together, without what comes before
   * each: most of it is slept through, because Dawn polls while it waits, and on a software adapter the poll takes a core
   * from the very work that is measured.
   */
  time(tasks: readonly Task[], expectedMs?: number): Promise<number[]>
}

/** Part of the expected time that is slept through; the rest is waited for. */
const sleptShare = 0.8
/** Shorter sleeps are not worth the timer's jitter. */
const leastSleepMs = 4

async function sleepThrough(expectedMs: number): Promise<void> {
  const ms = sleptShare * expectedMs
  if (ms >= leastSleepMs) await new Promise((resolve) => setTimeout(resolve, ms))
}

/** Half of what a query set may hold. */
const tasksPerSet = 1024

export class TimestampClock implements Clock {
  readonly kind = 'timestamp'
  readonly #device: Device
  #querySet: GPUQuerySet | undefined

  constructor(device: Device) {
    this.#device = device
  }

  async time(tasks: readonly Task[], expectedMs = 0): Promise<number[]> {
    const times: number[] = []
    for (let first = 0; first < tasks.length; first += tasksPerSet) {
      const some = tasks.slice(first, first + tasksPerSet)
      times.push(...(await this.#timeSome(some, (expectedMs * some.length) / tasks.length)))
    }
    return times
  }

  async #timeSome(tasks: readonly Task[], expectedMs: number): Promise<number[]> {
    const device = this.#device
    this.#querySet ??= device.gpu.createQuerySet({ type: 'timestamp', count: 2 * tasksPerSet })
    const querySet = this.#querySet
    const stamp = (endOfPassWriteIndex: number) =>
      device.recorder.encode((encoder) =>
        encoder.beginComputePass({ timestampWrites: { querySet, endOfPassWriteIndex } }).end(),
      )
    for (const [i, { before, run }] of tasks.entries()) {
      before?.()
      stamp(2 * i)
      run()
      stamp(2 * i + 1)
      // A submission per task: the device starts on it while the next one is recorded, and no command buffer grows
      // beyond what a driver's watchdog allows.
      device.flush()
    }
    await sleepThrough(expectedMs)
    const stamps = await device.resolveTimestamps(querySet, 2 * tasks.length)
    // Errors of the kernels measured surface here, not in a later, innocent case.
    await device.sync()
    return tasks.map((_, i) => Number(stamps[2 * i + 1]! - stamps[2 * i]!) / 1e6)
  }
}

export class WallClock implements Clock {
  readonly kind = 'wall'
  readonly #device: Device

  constructor(device: Device) {
    this.#device = device
  }

  async time(tasks: readonly Task[], expectedMs = 0): Promise<number[]> {
    const times: number[] = []
    for (const { before, run } of tasks) {
      before?.()
      await this.#device.sync()
      // Recording is outside: it is measured by rows of its own, and overlaps with execution in real use.
      run()
      const start = performance.now()
      this.#device.flush()
      await sleepThrough(expectedMs / tasks.length)
      await this.#device.sync()
      times.push(performance.now() - start)
    }
    return times
  }
}

/** Stamps of work that takes this long by the wall clock must agree with it. */
const trialMs = 10
/** The wall also sees submission and wake-up, so stamps read less, but neither nothing nor more. */
const plausibleShare = [0.5, 1.1] as const

/**
 * The clock for a device: timestamps where the adapter has them and they agree with the wall clock on `work(n)`, which
 * takes longer the larger `n`.
 */
export async function chooseClock(
  device: Device,
  work: (amount: number) => void,
): Promise<{ clock: Clock; note: string }> {
  const wall = new WallClock(device)
  if (!device.capabilities.timestampQuery) return { clock: wall, note: 'wall clock: no timestamp queries' }
  const stamps = new TimestampClock(device)
  let amount = 1
  while ((await wall.time([{ run: () => work(amount) }]))[0]! < trialMs && amount < 2 ** 24) amount *= 2
  const shares: number[] = []
  // A busy machine disturbs the wall clock now and then; a clock that is wrong is wrong every time.
  for (let trial = 0; trial < 5; trial++) {
    const start = performance.now()
    const [stamped] = await stamps.time([{ run: () => work(amount) }])
    const share = stamped! / (performance.now() - start)
    shares.push(share)
    if (share > plausibleShare[0] && share < plausibleShare[1]) return { clock: stamps, note: 'timestamp queries' }
  }
  const found = shares.map((share) => share.toFixed(2)).join(', ')
  return { clock: wall, note: `wall clock: timestamps cover ${found} of the wall time` }
}

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
   * Milliseconds of each task, in order. `expectedMs` is about what all of them take together, with what comes before
   * each: it is slept through, because Dawn polls while it waits, and on a software adapter the poll takes a core from the
   * very work that is measured: on two cores, kernels were measured to take twice as long.
   */
  time(tasks: readonly Task[], expectedMs?: number): Promise<number[]>
}

/** Slept through of the expected time: more than all, so that the work is done when the polling starts. */
const sleptShare = 1.15
/** Waiting longer than this after the sleep means that the work was polled upon. */
const undisturbedMs = (expectedMs: number) => 3 + 0.03 * expectedMs
/** A disturbed measurement is repeated, with a longer sleep, up to this many times in all. */
const mostAttempts = 3

async function sleepThrough(expectedMs: number): Promise<void> {
  if (expectedMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.ceil(sleptShare * expectedMs)))
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
      times.push(...(await this.#undisturbed(some, (expectedMs * some.length) / tasks.length)))
    }
    return times
  }

  /** Where nothing was expected, the first attempt stands. */
  async #undisturbed(tasks: readonly Task[], expectedMs: number): Promise<number[]> {
    for (let attempt = 1; ; attempt++) {
      const { times, waitedMs } = await this.#timeSome(tasks, expectedMs)
      if (expectedMs === 0 || waitedMs < undisturbedMs(expectedMs) || attempt === mostAttempts) return times
      expectedMs += 1.5 * waitedMs
    }
  }

  async #timeSome(tasks: readonly Task[], expectedMs: number): Promise<{ times: number[]; waitedMs: number }> {
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
      // On a GPU a submission per task: it starts on it while the next one is recorded, and no command buffer grows beyond
      // what a driver's watchdog allows. A software adapter starts when all is recorded, which takes a core as well.
      if (!device.capabilities.software) device.flush()
    }
    device.flush()
    await sleepThrough(expectedMs)
    const start = performance.now()
    const stamps = await device.resolveTimestamps(querySet, 2 * tasks.length)
    // Errors of the kernels measured surface here, not in a later, innocent case.
    await device.sync()
    return {
      times: tasks.map((_, i) => Number(stamps[2 * i + 1]! - stamps[2 * i]!) / 1e6),
      waitedMs: performance.now() - start,
    }
  }
}

export class WallClock implements Clock {
  readonly kind = 'wall'
  readonly #device: Device

  constructor(device: Device) {
    this.#device = device
  }

  /** Sleeps through nothing: it would measure the sleep. */
  async time(tasks: readonly Task[]): Promise<number[]> {
    const times: number[] = []
    for (const { before, run } of tasks) {
      before?.()
      await this.#device.sync()
      // Recording is outside: it is measured by rows of its own, and overlaps with execution in real use.
      run()
      const start = performance.now()
      this.#device.flush()
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

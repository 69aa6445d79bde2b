/** A device with what measuring on it takes: a clock, a way to overwrite its caches, and this run's ceilings. */
import { availableParallelism } from 'node:os'
import { type Clock, chooseClock } from '../src/engine/clock.js'
import { type Device, type DeviceProfile, empty, type Tensor } from '../src/engine/index.js'
import { openDevice } from '../src/tuning/index.js'
import type { Bound } from './ceilings.js'
import { fill } from './fill.js'
import type { Contestant, MeasureContext, SamplingSettings } from './measure.js'
import { fullSampling, quickSampling } from './measure.js'
import { type SteadyWork, steadyWork } from './pace.js'
import type { ReferenceBudget } from './verify/subproblem.js'

export interface SessionOptions {
  readonly profile: DeviceProfile
  readonly quick: boolean
}

/** Larger than any last-level cache in use: 50 MB on an H200, 256 MB of AMD's Infinity Cache is the exception. */
const gpuFlushBytes = 256 * 2 ** 20
/** A software adapter shares the CPU's cache, of which a core sees 32 MiB or so; lavapipe binds 128 MiB at most. */
const softwareFlushBytes = 64 * 2 ** 20

/** An execution longer than this is left out of `--quick` on a software adapter. */
export const quickPatienceMs = 30

export class Session {
  readonly device: Device
  readonly clock: Clock
  readonly clockNote: string
  readonly settings: SamplingSettings
  readonly quick: boolean
  readonly flushBytes: number
  /** About how long {@link flushCaches} takes. */
  flushMs = 0
  readonly #steady: SteadyWork | undefined
  readonly #flushTarget: Tensor

  private constructor(
    device: Device,
    { clock, note }: { clock: Clock; note: string },
    { quick }: SessionOptions,
    target: Tensor,
  ) {
    this.device = device
    this.clock = clock
    this.clockNote = note
    this.quick = quick
    this.settings = quick ? quickSampling : fullSampling
    this.flushBytes = target.byteLength
    this.#flushTarget = target
    // GPUs have clocks and memory of their own, and a minute is too short for it.
    if (device.capabilities.software && !quick) this.#steady = steadyWork(device)
  }

  static async open(options: SessionOptions): Promise<Session> {
    const device = await openDevice({ profile: options.profile })
    const { software, maxBindingBytes } = device.capabilities
    const wanted = software ? softwareFlushBytes : gpuFlushBytes
    const bytes = 2 ** Math.floor(Math.log2(Math.min(wanted, maxBindingBytes)))
    const target = empty(device, [bytes / 4])
    const trial = empty(device, [2 ** 20])
    const clock = await chooseClock(device, (amount) => fill(device, trial, amount))
    trial.dispose()
    const session = new Session(device, clock, options, target)
    const flush = { run: session.flushCaches }
    // The first compiles and touches the memory for the first time.
    session.flushMs = (await clock.clock.time([flush, flush, flush])).at(-1)!
    return session
  }

  /** Records a kernel that writes more than the caches hold. */
  readonly flushCaches = (): void => fill(this.device, this.#flushTarget)

  get context(): MeasureContext {
    const { clock, settings, flushCaches, flushMs } = this
    return { clock, settings, flushCaches, flushMs }
  }

  /** What the float64 reference may take for one case: some tenths of a second, or some seconds. */
  get referenceBudget(): ReferenceBudget {
    return this.quick ? { units: 1.5e5, growths: 3, mostUnits: 3e7 } : { units: 3e6, growths: 3, mostUnits: 3e8 }
  }

  /** What a reader of the rows must know. */
  get method(): string {
    const { minSamples, minSeconds, coldSamples } = this.settings
    const { software } = this.device.capabilities
    const threads = software ? `, software adapter on ${availableParallelism()} threads` : ''
    const scale = this.quick ? 'quick: the cheapest case of each operation, gradients in f32 only, few samples; ' : ''
    return (
      `${scale}${this.clockNote}; at least ${minSamples} samples and ${minSeconds} s a case, warm; ` +
      `up to ${coldSamples} single executions after writing ${this.flushBytes / 2 ** 20} MiB, cold${threads}`
    )
  }

  /** Unchanging work of the same bound, where the speed of the machine is worth watching. */
  steadyFor(bound: Bound | undefined): Contestant | undefined {
    return this.#steady?.[bound?.bound ?? 'memory']
  }

  close(): void {
    this.device.destroy()
  }
}

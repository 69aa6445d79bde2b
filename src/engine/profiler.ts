/**
 * Where the time goes: every dispatch in a pass of its own between two timestamps, added up by kernel and operation.
 */
import type { Cost } from './cost.js'
import type { Device } from './device.js'
import { NotSupportedError } from './errors.js'

/** One line of a profile. */
export interface ProfileRow {
  /** Operation the kernel ran for. */
  readonly op: string
  /** Kernel and variant, as in `matmul/portable`. */
  readonly kernel: string
  readonly calls: number
  /** Time on the device, summed over calls. */
  readonly timeMs: number
  /** Part of the profile's total time, 0 to 1. */
  readonly share: number
  /** Bytes of the tensors bound, summed over calls: the least that had to move. */
  readonly bytes: number
  /** Floating-point operations by the operation's own cost formula; counted on its first kernel only. */
  readonly flops: number
}

export interface Profile<T> {
  readonly result: T
  readonly totalMs: number
  /** Slowest first. */
  readonly rows: readonly ProfileRow[]
}

interface Sample {
  readonly op: string
  readonly kernel: string
  readonly bytes: number
  readonly flops: number
}

/** One query set holds at most 4,096 timestamps. */
const samplesPerQuerySet = 2048

/** Hands out timestamp slots to the recorder while a profile runs. */
export class KernelTimer {
  readonly #gpu: GPUDevice
  readonly #samples: Sample[] = []
  readonly #querySets: GPUQuerySet[] = []
  #op = ''
  #flops = 0

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu
  }

  enter(op: string, cost: Cost | undefined): void {
    this.#op = op
    this.#flops = cost?.flops ?? 0
  }

  slot(kernel: string, bytes: number): GPUComputePassTimestampWrites {
    const index = this.#samples.length % samplesPerQuerySet
    if (index === 0)
      this.#querySets.push(this.#gpu.createQuerySet({ type: 'timestamp', count: 2 * samplesPerQuerySet }))
    this.#samples.push({ op: this.#op, kernel, bytes, flops: this.#flops })
    this.#flops = 0
    const querySet = this.#querySets.at(-1)!
    return { querySet, beginningOfPassWriteIndex: 2 * index, endOfPassWriteIndex: 2 * index + 1 }
  }

  /** Nanoseconds of every sample. */
  async durations(device: Device): Promise<Float64Array> {
    const durations = new Float64Array(this.#samples.length)
    for (const [set, querySet] of this.#querySets.entries()) {
      const first = set * samplesPerQuerySet
      const count = Math.min(samplesPerQuerySet, this.#samples.length - first)
      const stamps = await device.resolveTimestamps(querySet, 2 * count)
      for (let i = 0; i < count; i++) durations[first + i] = Number(stamps[2 * i + 1]! - stamps[2 * i]!)
      querySet.destroy()
    }
    return durations
  }

  rows(durations: Float64Array): ProfileRow[] {
    const totals = new Map<string, { -readonly [K in keyof ProfileRow]: ProfileRow[K] }>()
    let totalMs = 0
    for (const [i, { op, kernel, bytes, flops }] of this.#samples.entries()) {
      const key = `${op}\n${kernel}`
      const row = totals.get(key) ?? { op, kernel, calls: 0, timeMs: 0, share: 0, bytes: 0, flops: 0 }
      row.calls++
      row.timeMs += durations[i]! / 1e6
      row.bytes += bytes
      row.flops += flops
      totalMs += durations[i]! / 1e6
      totals.set(key, row)
    }
    for (const row of totals.values()) row.share = totalMs > 0 ? row.timeMs / totalMs : 0
    return [...totals.values()].sort((a, b) => b.timeMs - a.timeMs)
  }
}

/** Runs `fn` with every kernel timed on the device. Needs the `timestamp-query` feature. */
export async function profile<T>(device: Device, fn: () => T | Promise<T>): Promise<Profile<T>> {
  if (!device.capabilities.timestampQuery) {
    throw new NotSupportedError(
      'profile: this adapter has no timestamp queries; measure wall-clock time around device.sync()',
    )
  }
  await device.sync()
  const timer = new KernelTimer(device.gpu)
  device.recorder.timer = timer
  try {
    const result = await fn()
    await device.sync()
    device.recorder.timer = undefined
    const rows = timer.rows(await timer.durations(device))
    return { result, totalMs: rows.reduce((sum, row) => sum + row.timeMs, 0), rows }
  } finally {
    device.recorder.timer = undefined
  }
}

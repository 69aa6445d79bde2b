/** What was measured on a device and what is shipped for its kind, as the device's preferences. */
import {
  type Capabilities,
  countBuckets,
  type Device,
  type DeviceOptions,
  lookUp,
  openDevice as openUntuned,
  type PreferenceTable,
  type VariantPreferences,
} from '../engine/index.js'
import { definedKernel } from '../engine/kernel.js'
import { shippedFor } from '../kernels/shipped.js'
import type { CachedBucket, CachedKernels } from './cache-file.js'
import { currentBuckets, type StoreOptions, TuningStore } from './store.js'

/** What is in force, for reports. */
export interface TuningStatus {
  readonly cachePath: string
  /** Kinds of problems measured on this device, of kernels that have not changed since. */
  readonly measured: number
  /** Name of the shipped table, such as `software`; undefined where none is for this device. */
  readonly shippedFor: string | undefined
  readonly shipped: number
}

/**
 * A user's measurements first, then what ships for devices of this kind. The file is read when the first kernel with a
 * choice is launched: opening a device costs nothing.
 */
export class TunedPreferences implements VariantPreferences {
  readonly #store: TuningStore
  readonly #shipped: { readonly name: string; readonly table: PreferenceTable } | undefined
  /** Of kernels looked up so far: whether their sources have changed is found out once. */
  readonly #buckets = new Map<string, Readonly<Record<string, CachedBucket>>>()
  #kernels: CachedKernels | undefined

  constructor(capabilities: Capabilities, options: StoreOptions = {}) {
    this.#store = new TuningStore(capabilities, options)
    this.#shipped = shippedFor(capabilities)
  }

  preferred(kernel: string, bucket: string): readonly string[] {
    const buckets = this.#measured(kernel)
    if (Object.hasOwn(buckets, bucket)) return buckets[bucket]!.preferred
    return (this.#shipped && lookUp(this.#shipped.table, kernel, bucket)) ?? []
  }

  get status(): TuningStatus {
    this.#kernels ??= this.#store.read()
    const counts = Object.keys(this.#kernels).map((kernel) => Object.keys(this.#measured(kernel)).length)
    return {
      cachePath: this.#store.path,
      measured: counts.reduce((sum, count) => sum + count, 0),
      shippedFor: this.#shipped?.name,
      shipped: this.#shipped ? countBuckets(this.#shipped.table) : 0,
    }
  }

  describe(): string {
    return describeStatus(this.status)
  }

  #measured(kernel: string): Readonly<Record<string, CachedBucket>> {
    const known = this.#buckets.get(kernel)
    if (known) return known
    this.#kernels ??= this.#store.read()
    const buckets = currentBuckets(this.#kernels, kernel)
    if (definedKernel(kernel)) this.#buckets.set(kernel, buckets)
    return buckets
  }
}

/** Without the cache's path, which is nobody's business in a published report. */
export function describeStatus({ measured, shippedFor: kind, shipped }: TuningStatus): string {
  const parts = [
    ...(measured > 0 ? [`${measured} measured on this device`] : []),
    ...(shipped > 0 ? [`${shipped} shipped for ${kind} adapters`] : []),
  ]
  return parts.length > 0
    ? `kinds of problems: ${parts.join(', ')}`
    : 'nothing tuned: the order of the variants decides'
}

export interface TunedDeviceOptions extends DeviceOptions {
  /** False: no preferences, neither the user's nor the shipped ones. Default true. */
  readonly tuned?: boolean
  /** File of the user's measurements; default `$VOXGRAD_TUNER_CACHE`, else in the user's cache folder. */
  readonly tunerCache?: string
}

/** Gives a device the preferences measured on it by `voxgrad tune`, and those shipped for its kind. Returns them. */
export function loadTuning(device: Device, options: StoreOptions = {}): TunedPreferences {
  const preferences = new TunedPreferences(device.capabilities, options)
  device.preferences = preferences
  return preferences
}

/**
 * Opens a device as `openDevice` of `voxgrad/engine` does, and tunes it: its kernels run in the variants that were
 * measured to be the fastest, here or on devices of its kind.
 *
 * @throws NoAdapterError when nothing is found, with the command that mends it.
 */
export async function openDevice(options: TunedDeviceOptions = {}): Promise<Device> {
  const device = await openUntuned(options)
  if (options.tuned ?? true) loadTuning(device, { path: options.tunerCache })
  return device
}

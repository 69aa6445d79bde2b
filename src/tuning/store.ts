/** What is stored for one device: found again only on the same device, driver, `webgpu` version and kernel sources. */

import { kernelFingerprint } from '../engine/fingerprint.js'
import type { Capabilities, TuningResult } from '../engine/index.js'
import { definedKernel } from '../engine/kernel.js'
import { type CachedBucket, type CachedKernels, readCache, updateCache, type Warn } from './cache-file.js'
import { tuningCachePath } from './location.js'
import { packageVersion } from './package-version.js'

export interface StoreOptions {
  /** Default: {@link tuningCachePath}. */
  readonly path?: string | undefined
  /** Hears what is wrong with the file; default `console.warn`. */
  readonly warn?: Warn | undefined
}

/** The measurements of one device in a cache file. */
export class TuningStore {
  readonly path: string
  readonly #device: string
  readonly #warn: Warn

  constructor({ adapter }: Pick<Capabilities, 'adapter'>, { path, warn }: StoreOptions = {}) {
    const { vendor, architecture, device, description } = adapter
    this.path = path ?? tuningCachePath()
    // The description names the driver and its version.
    this.#device = [vendor, architecture, device, description, `webgpu ${packageVersion('webgpu')}`].join(' | ')
    this.#warn = warn ?? ((message) => console.warn(`voxgrad: ${message}`))
  }

  /** By kernel, also of sources that have changed since: see {@link currentBuckets}. */
  read(): CachedKernels {
    return ownValue(readCache(this.path, this.#warn).devices, this.#device) ?? {}
  }

  /** Adds results to what is there. False where they could not be stored. */
  save(results: readonly TuningResult[], date = new Date()): Promise<boolean> {
    return updateCache(
      this.path,
      ({ devices }) => {
        const kernels = { ...ownValue(devices, this.#device) }
        for (const result of results) {
          const kernel = definedKernel(result.kernel)
          if (!kernel || result.preferred.length === 0) continue
          const source = kernelFingerprint(kernel)
          const known = ownValue(kernels, result.kernel)
          const buckets = known?.source === source ? known.buckets : {}
          kernels[result.kernel] = { source, buckets: { ...buckets, [result.bucket]: cached(result, date) } }
        }
        devices[this.#device] = kernels
      },
      this.#warn,
    )
  }

  /** Forgets this device's measurements of the kernels that `which` names. False where that could not be stored. */
  forget(which: (kernel: string) => boolean): Promise<boolean> {
    return updateCache(
      this.path,
      ({ devices }) => {
        const kept = Object.entries(devices[this.#device] ?? {}).filter(([kernel]) => !which(kernel))
        if (kept.length > 0) devices[this.#device] = Object.fromEntries(kept)
        else delete devices[this.#device]
      },
      this.#warn,
    )
  }
}

/** What is known of a kernel as it is now; nothing of one whose sources have changed, or that is not defined. */
export function currentBuckets(kernels: CachedKernels, name: string): Readonly<Record<string, CachedBucket>> {
  const kernel = definedKernel(name)
  const cached = ownValue(kernels, name)
  return kernel && cached && cached.source === kernelFingerprint(kernel) ? cached.buckets : {}
}

const cached = ({ preferred, candidates }: TuningResult, date: Date): CachedBucket => ({
  preferred: [...preferred],
  medianMs: Object.fromEntries(candidates.flatMap(({ variant, medianMs }) => (medianMs ? [[variant, medianMs]] : []))),
  date: date.toISOString(),
})

const ownValue = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined

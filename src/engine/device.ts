import { adapterLimits, type Capabilities, readCapabilities, subgroupMatrixFeature } from './capabilities.js'
import { type DeviceLostError, DisposedError, LimitError, OutOfMemoryError } from './errors.js'
import { acquireAdapter, acquireGpu, type Profile, profileToggles } from './gpu.js'
import type { VariantPreferences } from './kernel.js'
import { BufferPool, type MemoryStatistics, type PooledBuffer, type Storage, sizeClass } from './memory.js'
import { awaitIdly } from './patience.js'
import { PipelineCache } from './pipelines.js'
import { describeOperation, lostError, Recorder } from './recorder.js'

export interface DeviceOptions {
  /** Part of the adapter's name, where there are several. */
  readonly adapter?: string
  /** Dawn back end (`vulkan`, `metal`, `d3d12`); `null` compiles every shader and runs nothing. */
  readonly backend?: string
  /** `safe` (default) keeps validation and clamps; `fast` drops them. */
  readonly profile?: Profile
  /** Optional features to request; default: every one the adapter has. Tests pass fewer to try the portable variants. */
  readonly features?: readonly string[]
  /** Freed buffers are kept for reuse up to this many bytes. */
  readonly pooledLimitBytes?: number
}

/** Features that kernels can use; others (textures, canvas) are none of a tensor engine's business. */
const usefulFeatures = ['shader-f16', 'subgroups', 'subgroup-size-control', 'timestamp-query', subgroupMatrixFeature]

/**
 * Opens a device on the best adapter found: a GPU where there is one, otherwise a software adapter if one is installed.
 *
 * @throws NoAdapterError when nothing is found, with the command that mends it.
 */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  const profile = options.profile ?? 'safe'
  const request = { profile, backend: options.backend, adapter: options.adapter }
  const gpu = await acquireGpu(request)
  const adapter = await acquireAdapter(gpu, request)
  const requiredFeatures = (options.features ?? usefulFeatures).filter((feature) => adapter.features.has(feature))
  const device = await adapter.requestDevice({
    requiredFeatures: requiredFeatures as GPUFeatureName[],
    requiredLimits: adapterLimits(adapter),
  })
  const capabilities = restrict(readCapabilities(adapter), new Set(requiredFeatures))
  return new Device(device, capabilities, profile, options.pooledLimitBytes ?? 2 * 2 ** 30)
}

/** Capabilities as far as their features were requested. */
function restrict(all: Capabilities, features: ReadonlySet<string>): Capabilities {
  const subgroups = features.has('subgroups')
  return {
    ...all,
    f16: features.has('shader-f16'),
    subgroups,
    subgroupMinSize: subgroups ? all.subgroupMinSize : 0,
    subgroupMaxSize: subgroups ? all.subgroupMaxSize : 0,
    subgroupMatrixConfigs: features.has(subgroupMatrixFeature) ? all.subgroupMatrixConfigs : [],
    timestampQuery: features.has('timestamp-query'),
  }
}

/** A WebGPU device with its memory pool, pipelines and command recorder. Made by {@link openDevice}. */
export class Device {
  readonly capabilities: Capabilities
  readonly profile: Profile
  /** Dawn toggles in force; meaningless in browsers. */
  readonly toggles: { enabled: string[]; disabled: string[] }
  /** The WebGPU device itself, for code that brings its own pipelines. */
  readonly gpu: GPUDevice
  readonly recorder: Recorder
  readonly pool: BufferPool
  readonly pipelines: PipelineCache
  /** Which variants are fastest here; without, each kernel's first that can run a problem. */
  preferences: VariantPreferences | undefined
  readonly #stagingFree = new Map<number, GPUBuffer[]>()
  readonly #lastUse = new WeakMap<GPUBuffer, number>()
  #lost: DeviceLostError | undefined
  #destroyed = false

  constructor(gpu: GPUDevice, capabilities: Capabilities, profile: Profile, pooledLimitBytes: number) {
    this.gpu = gpu
    this.capabilities = capabilities
    this.profile = profile
    this.toggles = profileToggles(profile)
    this.recorder = new Recorder(gpu)
    this.pipelines = new PipelineCache(this)
    this.pool = new BufferPool(
      {
        maxBufferBytes: capabilities.maxBufferBytes,
        create: (bytes) => this.#createBuffer(bytes),
        forget: (buffer) => this.#forget(buffer),
      },
      pooledLimitBytes,
    )
    gpu.lost.then(({ reason, message }) => {
      this.#lost = lostError(reason, message)
    })
  }

  /** Throws when the device was destroyed or lost. */
  checkUsable(): void {
    if (this.#destroyed) throw new DisposedError('the device was used after destroy()')
    if (this.#lost) throw this.#lost
  }

  memory(): MemoryStatistics {
    return this.pool.statistics()
  }

  /** Lets the peak start again from what is live now. */
  resetPeakMemory(): void {
    this.pool.resetPeak()
  }

  /** Submits what was recorded, without waiting. */
  flush(): void {
    this.checkUsable()
    this.recorder.flush()
  }

  /** Submits what was recorded and waits until the device has done it. Rejects with the error of whatever failed. */
  async sync(): Promise<void> {
    this.flush()
    await this.#wait(this.gpu.queue.onSubmittedWorkDone())
    await this.#settle()
  }

  /** Writes `bytes` (a multiple of four) to the start of a storage, in order with the recorded commands. */
  upload(storage: Storage, bytes: Uint8Array<ArrayBuffer>): void {
    this.checkUsable()
    const { gpu } = storage.buffer
    // A queue write overtakes commands that are recorded but not submitted; those that use this buffer go first.
    if (this.#lastUse.get(gpu) === this.recorder.submissionCount) this.recorder.flush()
    this.gpu.queue.writeBuffer(gpu, 0, bytes)
  }

  /** Fills a storage with zeros. */
  clear(storage: Storage): void {
    this.checkUsable()
    this.touch(storage)
    this.recorder.clear(storage.buffer.gpu)
  }

  /** Notes that the submission being recorded uses a storage. */
  touch(storage: Storage): void {
    this.#lastUse.set(storage.buffer.gpu, this.recorder.submissionCount)
  }

  /** Reads the first `byteLength` bytes of a storage, after everything recorded so far. */
  async read(storage: Storage, byteLength: number): Promise<ArrayBuffer> {
    this.checkUsable()
    const bytes = Math.ceil(byteLength / 4) * 4
    const staging = this.#acquireStaging(bytes)
    this.recorder.copy(storage.buffer.gpu, staging, bytes)
    this.recorder.flush()
    try {
      await this.#wait(staging.mapAsync(GPUMapMode.READ, 0, bytes))
    } catch (cause) {
      await this.#settle()
      throw cause
    }
    const copy = staging.getMappedRange(0, bytes).slice(0)
    staging.unmap()
    this.#stagingFree.get(staging.size)!.push(staging)
    await this.#settle()
    return copy
  }

  /** The first `count` timestamps of a query set, in nanoseconds. */
  async resolveTimestamps(querySet: GPUQuerySet, count: number): Promise<BigUint64Array> {
    const bytes = 8 * count
    const resolved = this.gpu.createBuffer({
      size: bytes,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    })
    const staging = this.#acquireStaging(bytes)
    this.recorder.encode((encoder) => {
      encoder.resolveQuerySet(querySet, 0, count, resolved, 0)
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, bytes)
    })
    this.recorder.flush()
    await this.#wait(staging.mapAsync(GPUMapMode.READ, 0, bytes))
    const stamps = new BigUint64Array(staging.getMappedRange(0, bytes).slice(0))
    staging.unmap()
    this.#stagingFree.get(staging.size)!.push(staging)
    resolved.destroy()
    return stamps
  }

  /** Frees everything. Tensors of this device are unusable afterwards. */
  destroy(): void {
    if (this.#destroyed) return
    this.#destroyed = true
    this.gpu.destroy()
  }

  [Symbol.dispose](): void {
    this.destroy()
  }

  #wait<T>(pending: Promise<T>): Promise<T> {
    return this.capabilities.software ? awaitIdly(pending) : pending
  }

  async #settle(): Promise<void> {
    if (this.#lost && !this.#destroyed) throw this.#lost
    await this.recorder.settle()
  }

  #createBuffer(bytes: number): GPUBuffer {
    this.checkUsable()
    const operation = this.recorder.operation
    this.gpu.pushErrorScope('out-of-memory')
    const buffer = this.gpu.createBuffer({
      size: bytes,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    })
    this.recorder.watch(() => {
      const { liveBytes, pooledBytes } = this.memory()
      return new OutOfMemoryError(
        `${describeOperation(operation)}: the device could not allocate ${bytes} bytes beside ${liveBytes} live and ` +
          `${pooledBytes} pooled. Dispose tensors earlier (scope), use f16 storage, or checkpoint() activations`,
      )
    })
    return buffer
  }

  /** A buffer is about to be destroyed: what was recorded with it must be submitted while it exists. */
  #forget({ id, gpu }: PooledBuffer): void {
    if (this.#lastUse.get(gpu) === this.recorder.submissionCount) this.recorder.flush()
    this.pipelines.forget(id)
  }

  #acquireStaging(bytes: number): GPUBuffer {
    const size = sizeClass(bytes)
    if (size > this.capabilities.maxBufferBytes) {
      throw new LimitError(`reading ${bytes} bytes at once is beyond this adapter's maxBufferSize: read it in slices`)
    }
    const free = this.#stagingFree.get(size)
    if (!free) this.#stagingFree.set(size, [])
    return free?.pop() ?? this.gpu.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
  }
}

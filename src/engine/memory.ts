/**
 * Device memory: a pool of buffers by size class, and reference-counted storages on top of it.
 *
 * A released buffer is handed out again at once, also while commands that use it are still queued: WebGPU executes a
 * queue's commands in order, so later commands cannot overtake the earlier ones.
 */
import { LimitError } from './errors.js'

/** Bytes and buffers of a device, as {@link Device.memory} tells them. */
export interface MemoryStatistics {
  /** Bytes of buffers that tensors hold now. */
  readonly liveBytes: number
  /** Bytes kept for reuse. */
  readonly pooledBytes: number
  /** Largest `liveBytes` since the device was opened or {@link Device.resetPeakMemory} was called. */
  readonly peakBytes: number
  /** Buffers created so far; constant in a steady-state loop. */
  readonly buffersCreated: number
  /** Tensor storages alive now. */
  readonly liveStorages: number
}

/** A GPU buffer with the identity that caches key on. */
export interface PooledBuffer {
  readonly id: number
  readonly gpu: GPUBuffer
  readonly byteLength: number
}

const smallestClass = 256

/**
 * Size classes: eight per doubling, so that at most an eighth is wasted and tensors of nearly the same size share
 * buffers. Every class is a multiple of 32 bytes.
 */
export function sizeClass(bytes: number): number {
  if (bytes <= smallestClass) return smallestClass
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 3)
  return Math.ceil(bytes / step) * step
}

export interface PoolHost {
  readonly maxBufferBytes: number
  create(byteLength: number): GPUBuffer
  /** Called before a pooled buffer is destroyed, so that caches forget it. */
  forget(buffer: PooledBuffer): void
}

export class BufferPool {
  readonly #host: PoolHost
  readonly #free = new Map<number, PooledBuffer[]>()
  readonly #pooledLimitBytes: number
  #liveBytes = 0
  #pooledBytes = 0
  #peakBytes = 0
  #buffersCreated = 0
  #liveStorages = 0

  constructor(host: PoolHost, pooledLimitBytes: number) {
    this.#host = host
    this.#pooledLimitBytes = pooledLimitBytes
  }

  acquire(bytes: number): PooledBuffer {
    if (bytes > this.#host.maxBufferBytes) {
      throw new LimitError(
        `a tensor of ${bytes} bytes is beyond this adapter's maxBufferSize of ${this.#host.maxBufferBytes} bytes: ` +
          'split it, or use f16 storage',
      )
    }
    // The class above may exceed the limit although the tensor itself fits.
    const byteLength = Math.min(sizeClass(bytes), Math.floor(this.#host.maxBufferBytes / 4) * 4)
    const reused = this.#free.get(byteLength)?.pop()
    if (reused) this.#pooledBytes -= byteLength
    const buffer = reused ?? { id: ++this.#buffersCreated, gpu: this.#host.create(byteLength), byteLength }
    this.#liveBytes += byteLength
    this.#liveStorages++
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes)
    return buffer
  }

  release(buffer: PooledBuffer): void {
    this.#liveBytes -= buffer.byteLength
    this.#liveStorages--
    const list = this.#free.get(buffer.byteLength)
    if (list) list.push(buffer)
    else this.#free.set(buffer.byteLength, [buffer])
    this.#pooledBytes += buffer.byteLength
    if (this.#pooledBytes > this.#pooledLimitBytes) this.trim(this.#pooledLimitBytes / 2)
  }

  /** Destroys pooled buffers, largest first, until at most `keepBytes` are pooled. */
  trim(keepBytes = 0): void {
    for (const byteLength of [...this.#free.keys()].sort((a, b) => b - a)) {
      const list = this.#free.get(byteLength)!
      while (list.length > 0 && this.#pooledBytes > keepBytes) {
        const buffer = list.pop()!
        this.#pooledBytes -= byteLength
        this.#host.forget(buffer)
        buffer.gpu.destroy()
      }
    }
  }

  resetPeak(): void {
    this.#peakBytes = this.#liveBytes
  }

  statistics(): MemoryStatistics {
    return {
      liveBytes: this.#liveBytes,
      pooledBytes: this.#pooledBytes,
      peakBytes: this.#peakBytes,
      buffersCreated: this.#buffersCreated,
      liveStorages: this.#liveStorages,
    }
  }
}

/** A buffer shared by tensors: the original, its reshaped views, and what the tape saved. */
export class Storage {
  readonly buffer: PooledBuffer
  /** Grows with each write in place, so that the tape notices when a saved value has changed. */
  version = 0
  readonly #pool: BufferPool
  #references = 1

  constructor(pool: BufferPool, bytes: number) {
    this.#pool = pool
    this.buffer = pool.acquire(bytes)
  }

  /** Whether more than one tensor or saved value holds this storage. */
  get shared(): boolean {
    return this.#references > 1
  }

  retain(): this {
    this.#references++
    return this
  }

  release(): void {
    if (--this.#references === 0) this.#pool.release(this.buffer)
  }
}

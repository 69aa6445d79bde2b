import { describe, expect, it } from 'vitest'
import {
  DisposedError,
  keep,
  LimitError,
  openDevice,
  scope,
  type Tensor,
  tensor,
  VoxgradError,
  zeros,
} from '../../src/engine/index.js'
import { BufferPool, sizeClass } from '../../src/engine/memory.js'
import { add, mul } from '../../src/kernels/elementwise/index.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

describe('sizeClass', () => {
  it('never shrinks, wastes at most an eighth beyond 256 bytes, and grows with its argument', () => {
    let previous = 0
    for (let bytes = 1; bytes < 1 << 20; bytes += 37) {
      const size = sizeClass(bytes)
      expect(size).toBeGreaterThanOrEqual(bytes)
      expect(size % 32).toBe(0)
      expect(size).toBeLessThanOrEqual(Math.max(256, bytes * 1.125 + 32))
      expect(size).toBeGreaterThanOrEqual(previous)
      previous = size
    }
  })
})

describe('BufferPool', () => {
  const pool = (limit: number) => {
    const destroyed: number[] = []
    const host = {
      maxBufferBytes: 4096,
      create: (bytes: number) => ({ destroy: () => destroyed.push(bytes) }) as unknown as GPUBuffer,
      forget: () => {},
    }
    return { pool: new BufferPool(host, limit), destroyed }
  }

  it('hands a released buffer out again', () => {
    const { pool: buffers } = pool(1 << 20)
    const first = buffers.acquire(1000)
    buffers.release(first)
    expect(buffers.acquire(990)).toBe(first)
    expect(buffers.statistics()).toMatchObject({ buffersCreated: 1, pooledBytes: 0, liveStorages: 1 })
  })

  it('destroys buffers beyond its limit', () => {
    const { pool: buffers, destroyed } = pool(2000)
    for (const buffer of [1024, 1024, 1024].map((bytes) => buffers.acquire(bytes))) buffers.release(buffer)
    expect(destroyed.length).toBeGreaterThan(0)
    expect(buffers.statistics().pooledBytes).toBeLessThanOrEqual(2000)
  })

  it('refuses what the adapter cannot hold, by name of the limit', () => {
    expect(() => pool(0).pool.acquire(5000)).toThrow(LimitError)
    expect(() => pool(0).pool.acquire(5000)).toThrow('maxBufferSize')
  })
})

describe('scope', () => {
  it('frees what is not returned', async () => {
    const before = device.memory().liveBytes
    const result = scope(() => {
      const a = tensor(device, [1, 2, 3])
      return { sum: [add(a, a)], note: 'kept' }
    })
    expect(await result.sum[0]!.data()).toEqual(new Float32Array([2, 4, 6]))
    result.sum[0]!.dispose()
    expect(device.memory().liveBytes).toBe(before)
  })

  it('leaves kept tensors alone, and frees everything when the function throws', () => {
    const before = device.memory().liveBytes
    let kept: Tensor | undefined
    expect(() =>
      scope(() => {
        kept = keep(zeros(device, [4]))
        zeros(device, [4])
        throw new Error('stop')
      }),
    ).toThrow('stop')
    expect(kept!.disposed).toBe(false)
    kept!.dispose()
    expect(device.memory().liveBytes).toBe(before)
  })

  it('moves results of an inner scope to the outer one', () => {
    const before = device.memory().liveBytes
    scope(() => {
      const inner = scope(() => mul(tensor(device, [2]), 3))
      expect(inner.disposed).toBe(false)
    })
    expect(device.memory().liveBytes).toBe(before)
  })

  it('refuses asynchronous functions', () => {
    expect(() => scope(async () => 1)).toThrow(VoxgradError)
  })
})

describe('tensors', () => {
  it('support using', () => {
    const before = device.memory().liveStorages
    {
      using a = zeros(device, [8])
      expect(a.disposed).toBe(false)
    }
    expect(device.memory().liveStorages).toBe(before)
  })

  it('complain by shape when used after dispose', () => {
    const a = zeros(device, [2, 3])
    a.dispose()
    a.dispose()
    expect(() => add(a, a)).toThrow(DisposedError)
    expect(() => add(a, a)).toThrow('[2, 3]')
  })

  it('share memory with their aliases until the last one goes', async () => {
    const a = tensor(device, [1, 2, 3, 4], [2, 2])
    const b = a.alias([4])
    a.dispose()
    expect(await b.data()).toEqual(new Float32Array([1, 2, 3, 4]))
    b.dispose()
  })

  it('write in order with recorded operations', async () => {
    const a = tensor(device, [1, 1])
    const before = add(a, 1)
    a.write([10, 20])
    const after = add(a, 1)
    expect(await before.data()).toEqual(new Float32Array([2, 2]))
    expect(await after.data()).toEqual(new Float32Array([11, 21]))
    for (const value of [a, before, after]) value.dispose()
  })

  it('hold f16 with an odd number of elements', async () => {
    if (!device.capabilities.f16) return
    using a = tensor(device, [0.5, -1, 65504], [3], { dtype: 'f16' })
    expect(await a.data()).toEqual(new Float32Array([0.5, -1, 65504]))
  })
})

describe('a steady loop', () => {
  it('creates no buffers and holds live bytes constant', async () => {
    const x = tensor(device, [1, 2, 3, 4])
    const step = () => scope(() => void mul(add(x, x), x))
    for (let i = 0; i < 3; i++) step()
    const before = device.memory()
    for (let i = 0; i < 500; i++) step()
    const after = device.memory()
    expect(after.buffersCreated).toBe(before.buffersCreated)
    expect(after.liveBytes).toBe(before.liveBytes)
    expect(after.peakBytes).toBe(before.peakBytes)
    await device.sync()
    x.dispose()
  })

  it('submits a thousand operations at once', async () => {
    const x = tensor(device, [1, 2, 3, 4])
    scope(() => void add(x, x))
    await device.sync()
    const before = device.recorder.submissionCount
    const y = scope(() => {
      let sum = x
      for (let i = 0; i < 1000; i++) sum = add(sum, x)
      return sum
    })
    expect(await y.data()).toEqual(new Float32Array([1001, 2002, 3003, 4004]))
    expect(device.recorder.submissionCount - before).toBe(1)
    x.dispose()
    y.dispose()
  })
})

describe('a device that pools nothing', () => {
  it('computes the same', async () => {
    const frugal = await openDevice({ pooledLimitBytes: 0 })
    const y = scope(() => {
      let sum = tensor(frugal, [1, 2])
      for (let i = 0; i < 20; i++) sum = scope(() => mul(add(sum, 1), 1))
      return sum
    })
    expect(await y.data()).toEqual(new Float32Array([21, 22]))
    expect(frugal.memory().pooledBytes).toBe(0)
    frugal.destroy()
  })
})

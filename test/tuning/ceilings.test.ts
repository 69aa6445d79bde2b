/** The ceilings near which the tuner stops. */
import { describe, expect, it } from 'vitest'
import type { Capabilities } from '../../src/engine/capabilities.js'
import { leastMs, measureCeilings } from '../../src/tuning/index.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

describe('ceilings', () => {
  it('are measured, and leave nothing behind', async () => {
    const before = device.memory().liveBytes
    const { flops, bytes } = await measureCeilings(device)
    expect(flops).toBeGreaterThan(0)
    expect(bytes).toBeGreaterThan(0)
    expect(Number.isFinite(flops + bytes)).toBe(true)
    expect(device.memory().liveBytes).toBe(before)
  })

  it('bound a problem by arithmetic or by the fewer bytes', () => {
    const none = { subgroupMatrixConfigs: [] } as unknown as Capabilities
    const config = { m: 8, n: 8, k: 8, componentType: 'f16', resultComponentType: 'f32' }
    const matrices = { subgroupMatrixConfigs: [config] } as unknown as Capabilities
    const ceilings = { flops: 1000, bytes: 100 }
    const problem = (dtype: 'f32' | 'f16', flops: number, bytes: number) => ({
      cost: { flops, bytes },
      inputs: [{ shape: [10, 5], dtype }],
      outputs: [{ shape: [50], dtype: 'f32' as const }],
    })
    expect(leastMs(ceilings, none, problem('f32', 8000, 1000))).toBe(8)
    // Tensors hold 400 bytes: the rest is read again.
    expect(leastMs(ceilings, none, problem('f32', 0, 1000))).toBe(4)
    expect(leastMs(ceilings, none, problem('f32', 0, 200))).toBe(2)
    expect(leastMs(ceilings, matrices, problem('f32', 8000, 1000))).toBe(8)
    expect(leastMs(ceilings, matrices, problem('f16', 8000, 1000))).toBe(3)
  })
})

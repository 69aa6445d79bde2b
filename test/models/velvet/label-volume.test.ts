import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Tensor, tensor } from '../../../src/engine/index.js'
import { argMax } from '../../../src/kernels/argreduce/index.js'
import { add, mul } from '../../../src/kernels/elementwise/index.js'
import { labelVolume } from '../../../src/models/velvet/label-volume.js'
import { slidingWindow } from '../../../src/models/velvet/sliding-window.js'
import { testDevice } from '../../support/device.js'

const device = await testDevice()
const window = [4, 6, 5] as const
const classes = 5

const waves = (size: number, pace: number): Float32Array =>
  Float32Array.from({ length: size }, (_, n) => Math.sin(pace * n + 1))

/** Logits that depend on a voxel's value and on its place in the window. */
const factors = tensor(device, waves(120 * classes, 1.7), [1, ...window, classes])
const offsets = tensor(device, waves(120 * classes, 2.3), [1, ...window, classes])
const predict = (windows: Tensor): Tensor => add(mul(windows, factors), offsets)

const side = fc.integer({ min: 1, max: 13 })
const overlap = fc.constantFrom(0, 0.25, 0.5, 0.75, 0.9)
const blending = fc.constantFrom('uniform' as const, 'gaussian' as const)

describe('labelVolume', () => {
  it('says for any size, overlap and tile what the whole volume at once does', async () => {
    await fc.assert(
      fc.asyncProperty(
        ...[fc.tuple(side, side, side), overlap, blending, fc.integer({ min: 1, max: 5 }), fc.nat(9)],
        async (shape, part, kind, windowBatch, columns) => {
          const data = waves(shape[0] * shape[1] * shape[2], 0.9)
          const options = { window, overlap: part, blending: kind, windowBatch }
          const tileBytes = columns * 4 * window[0] * window[2] * classes
          const before = device.memory().liveStorages
          const labels = await labelVolume({ data, shape }, predict, { ...options, device, tileBytes })
          expect(device.memory().liveStorages).toBe(before)
          using volume = tensor(device, data, [1, ...shape, 1])
          using logits = slidingWindow(volume, predict, options)
          using whole = argMax(logits, { axis: 4 })
          expect([...labels]).toEqual([...(await whole.data())])
        },
      ),
      { numRuns: 25 },
    )
  })

  it('holds one band of tiles, however long the volume is', async () => {
    const peakOf = async (length: number): Promise<number> => {
      const shape = [length, 12, 10] as const
      device.resetPeakMemory()
      const { liveBytes } = device.memory()
      const volume = { data: waves(length * 120, 0.9), shape: [...shape] as [number, number, number] }
      await labelVolume(volume, predict, { device, window })
      return device.memory().peakBytes - liveBytes
    }
    expect(await peakOf(120)).toBeLessThanOrEqual(await peakOf(24))
  })

  it('counts windows that are done, and refuses an overlap of all', async () => {
    const volume = { data: waves(8 * 6 * 5, 1), shape: [8, 6, 5] as [number, number, number] }
    const seen: string[] = []
    const onProgress = (done: number, total: number): void => void seen.push(`${done} of ${total}`)
    await labelVolume(volume, predict, { device, window, overlap: 0, windowBatch: 1, onProgress })
    expect(seen).toEqual(['1 of 2', '2 of 2'])
    await expect(labelVolume(volume, predict, { device, window, overlap: 1 })).rejects.toThrow('overlap 1')
  })
})

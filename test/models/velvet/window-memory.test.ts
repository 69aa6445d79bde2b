/** What window attention keeps: nothing of windows x heads x tokens x tokens, in either direction. */
import { describe, expect, it } from 'vitest'
import { gradients, scope, type Tensor, tensor } from '../../../src/engine/index.js'
import { sum } from '../../../src/kernels/reduce/index.js'
import { ParameterScope } from '../../../src/models/index.js'
import { SwinBlock } from '../../../src/models/velvet/swin-block.js'
import { WindowTableCache } from '../../../src/models/velvet/window-tables.js'
import { initializeWeights } from '../../../src/models/weights.js'
import { testDevice } from '../../support/device.js'

const device = await testDevice()

/** Stage 1 of the Sv encoder: 48 features, 4 heads of 12, windows of 7 a side. */
const stage1 = { features: 48, heads: 4, window: 7, mlpRatio: 4 }

describe('window attention of stage 1', () => {
  it.each([false, true])('stores no weights of pairs, forward or backward (shifted: %s)', async (shifted) => {
    const parameters = new ParameterScope(device)
    const block = new SwinBlock(parameters, stage1)
    initializeWeights(parameters, 1)
    const cache = new WindowTableCache(device, stage1.window)
    // Grids that windows do not divide, as 48 at full size: 27 windows here, 343 there.
    const grid = [18, 17, 19] as const
    const tables = cache.get([...grid], shifted)
    const { windows, tokensPerWindow } = tables.plan
    expect([windows, tokensPerWindow]).toEqual([27, 343])
    const voxels = grid[0] * grid[1] * grid[2]
    const values = Float32Array.from({ length: voxels * stage1.features }, (_, n) => Math.sin(n))
    const leaves = [...parameters.parameters.values()].map(({ value }) => value)
    using tokens = tensor(device, values, [1, voxels, stage1.features])

    const pairBytes = 4 * windows * stage1.heads * tokensPerWindow ** 2
    const before = device.memory().liveBytes
    device.resetPeakMemory()
    const loss: Tensor = scope(() => sum(block.attend(tokens, tables)))
    const forwardBytes = device.memory().peakBytes - before
    const found = gradients(loss, leaves)
    const backwardBytes = device.memory().peakBytes - before
    expect(await loss.item()).not.toBeNaN()
    const biasGradient =
      await found[[...parameters.parameters.keys()].indexOf('attn.relative_position_bias_table')]!.data()
    expect(biasGradient.some((value) => value !== 0)).toBe(true)
    // The largest of what is left, rows of queries, keys and values, is a small part of it.
    const rowBytes = 4 * windows * tokensPerWindow * 3 * stage1.features
    expect(rowBytes).toBeLessThan(pairBytes / 9)
    expect(forwardBytes).toBeLessThan(pairBytes / 2)
    expect(backwardBytes).toBeLessThan(pairBytes / 2)
    loss.dispose()
    cache.dispose()
    for (const leaf of [...leaves, ...found]) leaf.dispose()
  })
})

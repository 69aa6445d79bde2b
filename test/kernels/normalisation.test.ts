/** What the cases of the operations do not show: options that exclude each other, statistics off the tape, extremes. */
import { describe, expect, it } from 'vitest'
import { gradients, ShapeError, scope, tensor, ValueError } from '../../src/engine/index.js'
import { batchNorm } from '../../src/kernels/batch-norm/index.js'
import { groupNorm, layerNorm } from '../../src/kernels/norm/index.js'
import { sum } from '../../src/kernels/reduce/index.js'
import { logSoftmax, logSumExp, softmax } from '../../src/kernels/softmax/index.js'
import { variance } from '../../src/kernels/variance/index.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

describe('softmax', () => {
  it('gives masked places exactly nothing', async () => {
    const x = tensor(device, [1, Number.NEGATIVE_INFINITY, 2, Number.NEGATIVE_INFINITY], [1, 4])
    const y = [...(await softmax(x).data())]
    expect(y[1]).toBe(0)
    expect(y[3]).toBe(0)
    expect(y[0]! + y[2]!).toBeCloseTo(1, 6)
  })

  it('shares evenly among equals of any magnitude', async () => {
    for (const value of [0, 1e4, -1e4, 1e30, -1e30]) {
      const x = tensor(device, [value, value, value, value], [1, 4])
      expect([...(await softmax(x).data())]).toEqual([0.25, 0.25, 0.25, 0.25])
      expect((await logSoftmax(x).data())[2]).toBeCloseTo(Math.log(0.25), 6)
    }
  })

  it('passes NaN on', async () => {
    const x = tensor(device, [1, Number.NaN, 2], [1, 3])
    expect((await softmax(x).data()).every(Number.isNaN)).toBe(true)
    expect(await logSumExp(x).item()).toBeNaN()
  })

  it('refuses to sum nothing', () => {
    expect(() => logSumExp(tensor(device, [], [2, 0]), { axes: 1 })).toThrow(ShapeError)
  })
})

describe('norms', () => {
  it('give the bias where a row is constant, and a finite gradient', async () => {
    const x = tensor(device, [7, 7, 7, 7, 1e4, 1e4, 1e4, 1e4], [2, 4], { requiresGrad: true })
    const bias = tensor(device, [1, 2, 3, 4])
    const y = layerNorm(x, { bias })
    expect([...(await y.data())]).toEqual([1, 2, 3, 4, 1, 2, 3, 4])
    const [dx] = scope(() => gradients(sum(y), [x]))
    expect((await dx!.data()).every((value) => Math.abs(value) < 1e-3)).toBe(true)
  })

  it('name both shapes when a parameter does not fit', () => {
    const x = tensor(device, new Float32Array(12), [2, 6])
    expect(() => layerNorm(x, { weight: tensor(device, [1, 2, 3]) })).toThrow(/layerNorm: the weight \[3\].*\[2, 6\]/)
    expect(() => groupNorm(x, { groups: 4 })).toThrow(/groupNorm: 4 groups do not divide the 6 channels of \[2, 6\]/)
  })

  it('refuse a variance of too few elements', () => {
    expect(() => variance(tensor(device, [1]), { unbiased: true })).toThrow(ShapeError)
  })
})

describe('batchNorm', () => {
  const x = () => tensor(device, [1, 2, 3, 5, 5, 8], [3, 2], { requiresGrad: true })
  const running = () => ({ runningMean: tensor(device, [0, 0]), runningVar: tensor(device, [1, 1]) })

  it('keeps updated statistics off the tape, and the given ones as they are', async () => {
    const given = running()
    const { y, runningMean, runningVar } = batchNorm(x(), { ...given, training: true })
    expect(y.requiresGrad).toBe(true)
    expect(runningMean!.requiresGrad).toBe(false)
    expect(runningVar!.requiresGrad).toBe(false)
    expect((await runningMean!.data())[1]).toBeCloseTo(0.5, 6)
    expect((await runningVar!.data())[1]).toBeCloseTo(0.9 + 0.1 * 9, 6)
    expect([...(await given.runningMean.data())]).toEqual([0, 0])
  })

  it('survives the scope of a step', async () => {
    const result = scope(() => batchNorm(x(), { ...running(), training: true }))
    expect((await result.runningMean!.data())[0]).toBeCloseTo(0.3, 6)
  })

  it('needs statistics, or a batch to take them from', () => {
    expect(() => batchNorm(x(), {})).toThrow(ValueError)
    const single = tensor(device, [1, 2], [1, 2])
    expect(() => batchNorm(single, { training: true })).toThrow(ShapeError)
  })
})

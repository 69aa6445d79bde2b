import { describe, expect, it } from 'vitest'
import { parseArguments, UsageError } from '../../bench/arguments.js'
import { fullSampling, interleave, quickSampling, repeatsFor } from '../../bench/measure.js'
import { relativeDifference, repeatsOf } from '../../bench/measure-peers.js'
import { peerKind } from '../../bench/peer.js'
import { runOnce } from '../../bench/run-once.js'
import { traced } from '../../bench/trace.js'
import { roundTo, uniform } from '../../bench/values.js'
import type { Clock } from '../../src/engine/clock.js'
import { scope, tensor } from '../../src/engine/index.js'
import { add } from '../../src/kernels/elementwise/index.js'
import { testDevice } from '../support/device.js'

describe('the command line', () => {
  it('has its defaults', () => {
    expect(parseArguments([])).toMatchObject({ profile: 'safe', threshold: 0.1, dtypes: ['f32', 'f16'], quick: false })
  })

  it('finds names however they are written', () => {
    expect(parseArguments(['--filter', 'infonce']).filter?.test('infoNCE/loss')).toBe(true)
  })

  it('refuses what it does not know', () => {
    const wrong = [
      ['--fast'],
      ['--profile', 'warp'],
      ['--dtype', 'f64'],
      ['--threshold', '-1'],
      ['--filter', '('],
      ['x'],
    ]
    for (const args of wrong) expect(() => parseArguments(args), args.join(' ')).toThrow(UsageError)
  })
})

describe('sampling', () => {
  /** A clock that does the work and tells what it was told. */
  function fakeClock(ms: number) {
    const order: string[] = []
    const clock: Clock = {
      kind: 'wall',
      time: async (tasks) =>
        tasks.map(({ before, run }) => {
          before?.()
          run()
          order.push(before ? 'cold' : 'warm')
          return ms
        }),
    }
    return { clock, order }
  }

  it('takes enough samples and enough time, and alternates', async () => {
    const { clock } = fakeClock(10)
    const runs: string[] = []
    const context = {
      clock,
      settings: { ...fullSampling, warmUpSeconds: 0 },
      flushCaches: () => runs.push('flush'),
      flushMs: 5,
    }
    const contestant = (name: string) => ({ run: () => void runs.push(name), dispatches: 1 })
    const [a, b] = await interleave(context, [contestant('a'), contestant('b')])
    expect(a!.warm.samples).toBeGreaterThanOrEqual(fullSampling.minSamples)
    expect(a!.warm.samples * 10).toBeGreaterThanOrEqual(1000 * fullSampling.minSeconds)
    expect(b!.warm.samples).toBe(a!.warm.samples)
    const measured = runs.slice(runs.lastIndexOf('flush') + 2)
    const changes = measured.filter((name, i) => name !== measured[i - 1]).length
    expect(changes).toBeGreaterThanOrEqual(2 * a!.warm.samples - 1)
    // One more a batch, whose first round is no sample.
    expect(runs.filter((name) => name === 'flush').length).toBeGreaterThan(2 * fullSampling.coldSamples)
  })

  it('ends for work that takes no time', async () => {
    const { clock } = fakeClock(0)
    const context = {
      clock,
      settings: { ...quickSampling, warmUpSeconds: 0 },
      flushCaches: () => undefined,
      flushMs: 0,
    }
    const [result] = await interleave(context, [{ run: () => undefined, dispatches: 0 }])
    expect(result!.warm.median).toBe(0)
  })

  it('repeats short work within one submission', () => {
    expect(repeatsFor(0.01, 1, fullSampling)).toBe(1000)
    expect(repeatsFor(0.01, 700, fullSampling)).toBe(5)
    expect(repeatsFor(100, 1, fullSampling)).toBe(1)
  })

  it('repeats a peer and ours alike', () => {
    expect(repeatsOf([1, 2], 25)).toBe(25)
    expect(repeatsOf([1, 100], 25)).toBe(3)
    expect(repeatsOf([1000, 1], 25)).toBe(1)
  })
})

describe('peers', () => {
  it('are offered the operations they know', () => {
    expect(peerKind('matmul', {})).toBe('matmul')
    expect(peerKind('attention', { extras: ['bias'] })).toBeUndefined()
    expect(peerKind('roll', {})).toBeUndefined()
  })

  it('are held to our result', () => {
    expect(relativeDifference([1, 2], [1, 2])).toBe(0)
    expect(relativeDifference([1, 2.2], [1, 2])).toBeCloseTo(0.1)
    expect(relativeDifference([1], [1, 2])).toBe(Number.POSITIVE_INFINITY)
    expect(relativeDifference([Number.NaN], [1])).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('values', () => {
  it('are the same for the same seed, in range, and spread', () => {
    const values = uniform(10_000, 3, -2, 2)
    expect(uniform(10_000, 3, -2, 2)).toEqual(values)
    expect(uniform(4, 4)).not.toEqual(uniform(4, 3))
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    expect(Math.abs(mean)).toBeLessThan(0.05)
    expect(Math.max(...values)).toBeLessThan(2)
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-2)
  })

  it('are rounded to their type', () => {
    expect(roundTo('f16', Float32Array.of(0.1))[0]).toBe(0.0999755859375)
    expect(roundTo('f32', Float32Array.of(0.1))[0]).toBe(Math.fround(0.1))
  })
})

describe('tracing', () => {
  it('names the launches and leaves the device as it was', async () => {
    const device = await testDevice()
    const x = tensor(device, [1, 2, 3, 4])
    const { launches, storages } = traced(device, () => scope(() => void add(x, x)))
    expect(launches).toEqual(['elementwise/flat'])
    expect(storages.has(x.storage)).toBe(true)
    expect(Object.keys(device.recorder)).not.toContain('dispatch')
    expect(Object.keys(device)).not.toContain('touch')
    x.dispose()
  })
})

describe('what takes minutes', () => {
  it('is executed once, and checked, timed and broken down in that', async () => {
    const device = await testDevice()
    using x = tensor(device, [1, 2, 3])
    let executions = 0
    const { verdict, measurement, processorSeconds, launches, rows } = await runOnce(device, {
      run: () => expect.unreachable(),
      check: async () => {
        executions++
        using sum = scope(() => add(x, add(x, x)))
        const [first] = await sum.data()
        return { correct: first === 3, maxRelError: 0, against: 'three times' }
      },
      checkExecutesOnce: true,
      dispose: () => undefined,
    })
    expect(executions).toBe(1)
    expect(verdict.correct).toBe(true)
    expect(measurement.warm.samples).toBe(1)
    expect(measurement.warm.median).toBeGreaterThan(0)
    expect(processorSeconds).toBeGreaterThan(0)
    expect(launches).toHaveLength(2)
    if (device.capabilities.timestampQuery) expect(rows.reduce((sum, { calls }) => sum + calls, 0)).toBe(2)
  })
})

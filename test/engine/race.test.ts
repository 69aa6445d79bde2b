/** Successive halving, on a clock that makes times up. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../src/engine/clock.js'
import { race } from '../../src/engine/race.js'

/** Racers that take what the table says, and a clock that knows it. */
function field(milliseconds: Readonly<Record<string, number>>) {
  let spentMs = 0
  let current = 0
  const order: string[] = []
  const racers = Object.entries(milliseconds).map(([name, ms]) => ({
    name,
    record: () => {
      current += ms
      if (order.at(-1) !== name) order.push(name)
    },
  }))
  const clock: Clock = {
    kind: 'timestamp',
    async time(tasks) {
      return tasks.map(({ run }) => {
        current = 0
        run()
        spentMs += current
        return current
      })
    },
  }
  return { racers, clock, order, spent: () => spentMs }
}

describe('race', () => {
  it('gives everyone one sample, and the hopeless no more', async () => {
    const { racers, clock } = field({ slow: 50, fast: 2, near: 3, slower: 400 })
    const standings = await race(clock, racers, { mostMs: 10_000 })
    expect(standings.map(({ name, medianMs }) => [name, medianMs])).toEqual([
      ['slow', 50],
      ['fast', 2],
      ['near', 3],
      ['slower', 400],
    ])
    const samples = Object.fromEntries(standings.map(({ name, samples }) => [name, samples]))
    expect(samples).toMatchObject({ slow: 1, slower: 1 })
    expect(samples.fast).toBe(samples.near)
    expect(samples.fast).toBeGreaterThan(2)
  })

  it('gives the faster half longer heats, in alternation', async () => {
    const { racers, clock, order } = field({ a: 2, b: 3, c: 4, d: 5 })
    const standings = await race(clock, racers, { mostMs: 10_000 })
    expect(standings.map(({ samples }) => samples)).toEqual([9, 9, 3, 3])
    expect(order.join('')).toBe(`abcd${'abcd'.repeat(3)}${'ab'.repeat(6)}`)
  })

  it('repeats what is too short to be timed alone', async () => {
    const { racers, clock } = field({ short: 0.01 })
    let runs = 0
    const record = () => {
      runs++
      racers[0]!.record()
    }
    const [standing] = await race(clock, [{ name: 'short', record }], { mostMs: 10_000 })
    expect(standing!.medianMs).toBeCloseTo(0.01)
    const warmUp = 2 ** 10 - 1
    expect(runs).toBe(warmUp + 1 + 100 + 3 * 100)
  })

  it('stops near the ceiling', async () => {
    const { racers, clock } = field({ a: 2, b: 3, c: 4, d: 5 })
    const standings = await race(clock, racers, { mostMs: 10_000, enoughMs: 2 })
    expect(standings.map(({ samples }) => samples)).toEqual([3, 3, 3, 3])
  })

  it('stops between samples when it is told to', async () => {
    const { racers, clock } = field({ a: 2, b: 3 })
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(race(clock, racers, { mostMs: 100, signal })).rejects.toThrow('enough')
  })

  it('finds the fastest, whatever the field, and spends no more than it may beyond two rounds', async () => {
    const times = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(times, fc.integer({ min: 1, max: 500 }), async (list, mostMs) => {
        const { racers, clock, spent } = field(Object.fromEntries(list.map((ms, i) => [`v${i}`, ms])))
        const standings = await race(clock, racers, { mostMs })
        expect(standings.map(({ medianMs }) => medianMs)).toEqual(list)
        const total = list.reduce((sum, ms) => sum + ms, 0)
        const warmUp = 80
        expect(spent()).toBeLessThanOrEqual(Math.max(mostMs, total) + 2 * total + warmUp)
      }),
    )
  })
})

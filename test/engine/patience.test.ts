import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { awaitIdly } from '../../src/engine/patience.js'

/** Settles after so many turns of the event loop, as Dawn's promises do. */
async function after<T>(turns: number, settle: () => T): Promise<T> {
  for (let i = 0; i < turns; i++) await turn()
  return settle()
}

test('settles as the promise does', async () => {
  expect(await awaitIdly(Promise.resolve(1))).toBe(1)
  expect(await awaitIdly(after(50, () => 2))).toBe(2)
  const failing = after(5, () => {
    throw new RangeError('lost')
  })
  await expect(awaitIdly(failing)).rejects.toThrow(RangeError)
})

test('sleeps while nothing else happens', async () => {
  const start = performance.now()
  let turns = 0
  await awaitIdly(
    (async () => {
      while (performance.now() - start < 60) {
        await turn()
        turns++
      }
    })(),
  )
  // Sleeping a tenth of the time waited, up to 2 ms, leaves some dozens of turns; polling takes ten thousand.
  expect(turns).toBeLessThan(1000)
})

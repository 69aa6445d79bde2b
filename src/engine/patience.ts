/**
 * Waiting for a software adapter without taking its cores.
 *
 * Dawn's Node bindings poll in every turn of the event loop while a promise is pending, which keeps one core busy: the very
 * core that a software adapter would compute on. Here the thread sleeps between the turns, for a tenth of the time already
 * waited, so that a result is late by that much at most. Turns in which something else ran are not slept after: files
 * being read or workers that report must not wait for the device.
 */

const shortestSleepMs = 0.05
const longestSleepMs = 2
/** The poll alone takes some microseconds; a turn longer than this did other work as well. */
const idleTurnMs = 0.3

const cell = blockableCell()

/** What a thread may sleep on; undefined where it must not block, as in windows of browsers and of Electron. */
function blockableCell(): Int32Array | undefined {
  try {
    const own = new Int32Array(new SharedArrayBuffer(4))
    Atomics.wait(own, 0, 0, 0)
    return own
  } catch {
    return undefined
  }
}

/** Turns of Node's event loop, which no browser has. */
const nextTurn = (globalThis as { setImmediate?: (callback: () => void) => unknown }).setImmediate

/** Settles as `pending` does. Blocks the thread for up to 2 ms at a time while nothing else wants it. */
export async function awaitIdly<T>(pending: Promise<T>): Promise<T> {
  if (!cell || !nextTurn) return pending
  let settled = false
  const settle = () => {
    settled = true
  }
  pending.then(settle, settle)
  const start = performance.now()
  let slept = start
  const turn = () => {
    const now = performance.now()
    const sleepMs = Math.min(longestSleepMs, (now - start) / 10)
    if (settled) return
    if (sleepMs >= shortestSleepMs && now - slept < idleTurnMs) Atomics.wait(cell, 0, 0, sleepMs)
    slept = performance.now()
    nextTurn(turn)
  }
  nextTurn(turn)
  return pending
}

/**
 * A lock that processes share: a file that only one of them can create. What is done under it must be quick, because
 * a lock this old is taken for the remains of a process that was killed.
 */
import { randomUUID } from 'node:crypto'
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { VoxgradError } from '../engine/errors.js'

/** A process that is still there could hold it, but not for so long. */
const abandonedMs = 60_000
const patienceMs = 15_000
const longestNapMs = 10

/** Another process holds the lock. */
export class LockedError extends VoxgradError {}

/**
 * Runs `fn`, which must be synchronous, while no other process runs anything under the same lock file.
 *
 * @throws LockedError when the lock is not free within 15 seconds, and the system's error where no file can be made.
 */
export async function withLock<T>(lock: string, fn: () => T): Promise<T> {
  const owner = JSON.stringify({ pid: process.pid, host: hostname(), token: randomUUID() })
  const start = performance.now()
  while (!create(lock, owner)) {
    if (isAbandoned(lock)) removeAbandoned(lock)
    else if (performance.now() - start > patienceMs) {
      throw new LockedError(`${lock} is held by another process: if there is none, remove that file`)
    }
    // Not in step with the others who wait.
    await sleep(1 + longestNapMs * Math.random())
  }
  try {
    return fn()
  } finally {
    if (read(lock) === owner) rmSync(lock, { force: true })
  }
}

/** False when the file is there already. */
function create(path: string, content: string): boolean {
  try {
    const file = openSync(path, 'wx')
    try {
      writeFileSync(file, content)
    } finally {
      closeSync(file)
    }
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Released meanwhile.
    return undefined
  }
}

function isAbandoned(lock: string): boolean {
  const content = read(lock)
  if (content === undefined) return false
  return isOld(lock) || isOrphan(content)
}

function isOld(path: string): boolean {
  const status = statSync(path, { throwIfNoEntry: false })
  return status !== undefined && Date.now() - status.mtimeMs > abandonedMs
}

/** Whether the owner was a process of this machine that is gone. */
function isOrphan(content: string): boolean {
  try {
    const { pid, host } = JSON.parse(content) as { pid: number; host: string }
    if (host !== hostname()) return false
    process.kill(pid, 0)
    return false
  } catch (error) {
    // Half-written content belongs to someone who is about to finish it; EPERM is a living process of another user.
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/**
 * Only one process at a time may remove, and it looks again: else a second one, slower to act on what it saw, would remove
 * the lock that somebody took meanwhile.
 */
function removeAbandoned(lock: string): void {
  const breaker = `${lock}.break`
  if (!create(breaker, '')) {
    if (isOld(breaker)) rmSync(breaker, { force: true })
    return
  }
  try {
    if (isAbandoned(lock)) rmSync(lock, { force: true })
  } finally {
    rmSync(breaker, { force: true })
  }
}

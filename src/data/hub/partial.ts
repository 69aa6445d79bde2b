/**
 * Unfinished downloads. Every process writes to a file of its own, so that several may fetch the same thing and none
 * spoils it for another; what an earlier one left, of Python's library too, is taken over.
 */
import { copyFile, readdir, rename, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { inFolder } from './cache.js'

const SUFFIX = '.incomplete'

/** A file that nobody has written to for so long is nobody's. */
const IDLE_MS = 60_000

const host = hostname().replace(/[^\w-]/g, '_')

/** The unfinished file of this process for a blob, which begins with whatever was fetched before. */
export async function partialFile(blob: string): Promise<string> {
  const own = `${blob}.${host}-${process.pid}${SUFFIX}`
  await inFolder(own, () => adopt(blob, own))
  return own
}

async function adopt(blob: string, own: string): Promise<void> {
  const folder = dirname(blob)
  const names = await readdir(folder)
  if (names.includes(basename(own))) return
  const left = names.filter((name) => name.startsWith(`${basename(blob)}.`) && name.endsWith(SUFFIX))
  const found = await Promise.all(left.map(async (name) => ({ name, ...(await stat(join(folder, name))) })))
  const longest = found.sort((a, b) => b.size - a.size)[0]
  if (!longest) return
  const free = isDead(longest.name) || Date.now() - longest.mtimeMs > IDLE_MS
  await (free ? rename : copyFile)(join(folder, longest.name), own)
}

/** Whether a file belongs to a process of this machine that is gone. */
function isDead(name: string): boolean {
  const process_ = new RegExp(`\\.${host}-(\\d+)\\${SUFFIX}$`).exec(name)?.[1]
  if (process_ === undefined) return false
  try {
    process.kill(Number(process_), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

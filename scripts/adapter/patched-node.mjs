// A copy of this very `node`, changed to start with the C library of an unpacked Debian release and to find its libraries there.
// The driver needs a newer C library than the host has, a process has only one, and `process.execPath` must stay a real
// program so that fork() and worker pools work: hence a copy, and not a start through the other ld.so.

import { createHash } from 'node:crypto'
import {
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { exec } from './exec.mjs'

const UNUSED_MS = 30 * 24 * 3_600_000
/** @type {Record<string, { triplet: string, loader: string }>} */
const PLATFORMS = {
  x64: { triplet: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
}

/**
 * Where an unpacked Debian release keeps its libraries.
 * @param {string} prefix
 */
export function libraryFolder(prefix) {
  return join(prefix, 'usr', 'lib', PLATFORMS[process.arch]?.triplet ?? 'unsupported')
}

/**
 * The path of the patched copy, made if it is not there: once for each `node` this machine has, and again after an upgrade.
 * @param {string} prefix an unpacked Debian release that has `patchelf`
 * @param {string} node the program to copy
 * @returns {Promise<string>}
 */
export async function patchedNode(prefix, node) {
  const folder = join(prefix, 'node')
  if (node.startsWith(folder)) return node // we are already running it
  const source = realpathSync(node)
  const { size, mtimeMs } = statSync(source)
  const key = createHash('sha256').update(`${source} ${size} ${mtimeMs}`).digest('hex').slice(0, 12)
  const target = join(folder, `node-${process.version}-${key}`)
  if (existsSync(target)) return target

  mkdirSync(folder, { recursive: true })
  removeUnused(folder)
  const copy = `${target}.${process.pid}.tmp`
  try {
    let failure = ''
    // patchelf 0.18 sorts the program headers of a fixed-address executable so that a read-only mapping comes to lie over the
    // dynamic section; unsorted it is right. Other versions differ, so the copy has to prove itself.
    for (const order of [['--no-sort'], []]) {
      copyFileSync(source, copy, constants.COPYFILE_FICLONE)
      const patched = await patch(prefix, copy, order)
      const started = patched.ok ? await exec(copy, ['--print', 'process.version'], { timeoutMs: 60_000 }) : patched
      if (started.ok && started.stdout.trim() === process.version) {
        renameSync(copy, target)
        return target
      }
      failure = started.reason || started.stdout
    }
    throw new Error(`the patched copy of ${source} does not start: ${failure}`)
  } finally {
    rmSync(copy, { force: true })
  }
}

/**
 * @param {string} prefix
 * @param {string} program
 * @param {string[]} options
 */
function patch(prefix, program, options) {
  const libraries = libraryFolder(prefix)
  const loader = join(libraries, PLATFORMS[process.arch]?.loader ?? 'unsupported')
  // --force-rpath: a RUNPATH would not be inherited by the libraries that the driver loads.
  const edit = ['--set-interpreter', loader, '--force-rpath', '--set-rpath', libraries, program]
  // patchelf itself needs the new C library, so it runs through that release's loader.
  return exec(loader, ['--library-path', libraries, join(prefix, 'usr', 'bin', 'patchelf'), ...options, ...edit])
}

/**
 * Copies of earlier `node` versions, 100 MB each.
 * @param {string} folder
 */
function removeUnused(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    const used = statSync(path, { throwIfNoEntry: false }) // another process may be tidying too
    if (used && Date.now() - Math.max(used.atimeMs, used.mtimeMs) > UNUSED_MS) rmSync(path, { force: true })
  }
}

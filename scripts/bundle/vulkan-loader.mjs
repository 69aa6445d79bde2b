// Finds a Vulkan loader, libvulkan.so.1, to take along: bare servers have a driver, but often no loader.
//
// It has to run on systems older than this one, so the candidate wins that asks for the oldest C library.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { softwareAdapterFolder } from '../adapter/cache.mjs'
import { exec } from '../adapter/exec.mjs'
import { libraryFolder } from '../adapter/patched-node.mjs'
import { aptObstacle, downloadDebs } from '../adapter/private-apt.mjs'
import { installSwiftShader, swiftShaderObstacle } from '../adapter/swiftshader.mjs'

const LOADER = 'libvulkan.so.1'
/** The C library that Dawn asks for: the bundle runs on nothing older anyway. */
export const OLDEST_GLIBC = '2.34'
const SYSTEM_FOLDERS = ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib', '/usr/local/lib']

/**
 * @typedef {object} Loader
 * @property {Buffer} data
 * @property {string} origin where it came from, for people
 * @property {string} glibc the oldest C library it runs with
 */

/**
 * @param {string} node to try a downloaded one with
 * @param {(line: string) => void} log
 * @returns {Promise<Loader>}
 */
export async function findLoader(node, log) {
  const present = best([
    ...SYSTEM_FOLDERS.map((folder) => ({ path: join(folder, LOADER), origin: 'this system' })),
    { path: join(softwareAdapterFolder(`swiftshader-${process.arch}`), LOADER), origin: 'the SwiftShader package' },
    {
      path: join(libraryFolder(softwareAdapterFolder(`lavapipe-${process.arch}`)), LOADER),
      origin: 'Debian (lavapipe)',
    },
  ])
  if (present && runsAnywhere(present)) return present
  const downloaded = await download(node, log)
  const loader = best([...downloaded, ...(present ? [present] : [])])
  if (!loader) throw new Error(`${LOADER} is not on this system, and could not be downloaded`)
  if (!runsAnywhere(loader))
    log(`the Vulkan loader of ${loader.origin} needs glibc ${loader.glibc}; Dawn needs ${OLDEST_GLIBC}`)
  return loader
}

/**
 * SwiftShader's package brings a loader built for old systems; Debian's is for its own release on.
 * @param {string} node
 * @param {(line: string) => void} log
 * @returns {Promise<Loader[]>}
 */
async function download(node, log) {
  if (!swiftShaderObstacle()) {
    try {
      log('downloading a Vulkan loader, with SwiftShader (70 MB, once)')
      await installSwiftShader(node)
      const path = join(softwareAdapterFolder(`swiftshader-${process.arch}`), LOADER)
      return [read({ path, origin: 'the SwiftShader package' })]
    } catch (error) {
      log(`it cannot be had: ${error instanceof Error ? error.message : error}`)
    }
  }
  if (aptObstacle()) return []
  const folder = mkdtempSync(join(tmpdir(), 'voxgrad-loader-'))
  try {
    log('downloading a Vulkan loader from Debian')
    const debs = await downloadDebs(folder, ['libvulkan1'])
    const unpacked = join(folder, 'unpacked')
    for (const deb of debs.filter((path) => path.includes('/libvulkan1_')))
      await exec('dpkg-deb', ['--extract', deb, unpacked])
    return [read({ path: join(libraryFolder(unpacked), LOADER), origin: 'Debian' })]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * @param {({ path: string, origin: string } | Loader)[]} candidates
 * @returns {Loader | undefined}
 */
function best(candidates) {
  const loaders = candidates
    .filter((candidate) => 'data' in candidate || existsSync(candidate.path))
    .map((candidate) => ('data' in candidate ? candidate : read(candidate)))
  return loaders.sort((a, b) => compareVersions(a.glibc, b.glibc))[0]
}

/** @param {{ path: string, origin: string }} candidate */
function read({ path, origin }) {
  const data = readFileSync(path)
  return { data, origin, glibc: neededGlibc(data) }
}

/** @param {Loader} loader */
function runsAnywhere({ glibc }) {
  return compareVersions(glibc, OLDEST_GLIBC) <= 0
}

/**
 * The newest symbol version of the C library that a program or library names: it does not start with an older one.
 * @param {Buffer} library an ELF file
 */
export function neededGlibc(library) {
  const versions = [...library.toString('latin1').matchAll(/\0GLIBC_(\d+\.\d+)(?:\.\d+)?(?=\0)/g)].map(
    ([, version = '']) => version,
  )
  return versions.sort(compareVersions).at(-1) ?? '0'
}

/** @param {string} a @param {string} b such as `2.34` */
export function compareVersions(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number))
  for (const [i, part] of (left ?? []).entries()) {
    if (part !== (right?.[i] ?? 0)) return part - (right?.[i] ?? 0)
  }
  return 0
}

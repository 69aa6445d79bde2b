// Mesa's lavapipe, from version 26 on: Vulkan on the CPU with f16, subgroups and 8x8x8 subgroup matrices.
// Debian 13's backports have it; it is unpacked with all its libraries into the cache and touches nothing else of the system.

import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { installOnce, readMarker, softwareAdapterFolder } from './cache.mjs'
import { exec } from './exec.mjs'
import { libraryFolder, patchedNode } from './patched-node.mjs'
import { aptObstacle, downloadDebs } from './private-apt.mjs'
import { probe } from './probe.mjs'

const PACKAGES = ['mesa-vulkan-drivers', 'libvulkan1', 'libstdc++6', 'libatomic1', 'patchelf']
/** What sets lavapipe 26 apart from the older ones, which are slower by far or do not work at all. */
const REQUIRED_FEATURES = ['shader-f16', 'subgroups', 'timestamp-query', 'chromium-experimental-subgroup-matrix']
const SYSTEM_DRIVER_FOLDERS = ['/usr/local/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/share/vulkan/icd.d']

/** @typedef {{ node: string, env: Record<string, string>, description: string }} SoftwareAdapter */

function folder() {
  return softwareAdapterFolder(`lavapipe-${process.arch}`)
}

/**
 * @param {string} driverFile
 * @returns {Record<string, string>}
 */
function environment(driverFile) {
  return {
    VK_DRIVER_FILES: driverFile,
    VK_LOADER_LAYERS_DISABLE: '~implicit~', // the host's layers are built for the host's libraries
    MESA_VK_IGNORE_CONFORMANCE_WARNING: 'true', // otherwise a warning on every start
  }
}

/** @param {string} prefix */
function driverFile(prefix) {
  return join(prefix, 'lavapipe.json')
}

/**
 * lavapipe as our cache or the system has it, or null. Makes no download; only the copy of `node` is made anew after an upgrade.
 * @param {string} node
 * @returns {Promise<SoftwareAdapter | null>}
 */
export async function findLavapipe(node) {
  const marker = readMarker(folder())
  if (marker && existsSync(driverFile(folder()))) {
    return {
      node: await patchedNode(folder(), node),
      env: environment(driverFile(folder())),
      description: marker.description,
    }
  }
  return findSystemLavapipe(node)
}

/**
 * Distributions newer than Debian 13 may have a lavapipe that is new enough.
 * @param {string} node
 * @returns {Promise<SoftwareAdapter | null>}
 */
async function findSystemLavapipe(node) {
  for (const driverFolder of SYSTEM_DRIVER_FOLDERS.filter((path) => existsSync(path))) {
    for (const name of readdirSync(driverFolder).filter((file) => /^lvp_icd.*\.json$/.test(file))) {
      const env = environment(join(driverFolder, name))
      const { adapter } = await probe(node, env)
      if (adapter && REQUIRED_FEATURES.every((feature) => adapter.features.includes(feature)))
        return { node, env, description: adapter.description }
    }
  }
  return null
}

/** Why lavapipe cannot be installed here, or null. */
export function lavapipeObstacle() {
  return process.platform === 'linux' ? aptObstacle() : 'only for Linux'
}

/**
 * Installs lavapipe into the cache: some 61 MB to download, 200 MB on disk, seconds.
 * @param {string} node
 * @returns {Promise<SoftwareAdapter>}
 */
export async function installLavapipe(node) {
  const { description } = await installOnce(folder(), (staging) => build(staging, node))
  return { node: await patchedNode(folder(), node), env: environment(driverFile(folder())), description }
}

/**
 * @param {string} prefix
 * @param {string} node
 */
async function build(prefix, node) {
  const downloads = join(prefix, 'download')
  mkdirSync(downloads)
  const debs = await downloadDebs(downloads, PACKAGES)
  for (const deb of debs) {
    const unpacked = await exec('dpkg-deb', ['--extract', deb, prefix])
    if (!unpacked.ok) throw new Error(`${basename(deb)} does not unpack: ${unpacked.reason}`)
  }
  rmSync(downloads, { recursive: true })
  dropUnused(prefix)
  writeFileSync(driverFile(prefix), driverManifest(prefix))

  const { adapter, reason } = await probe(await patchedNode(prefix, node), environment(driverFile(prefix)), {
    compute: true,
  })
  if (!adapter) throw new Error(`lavapipe was unpacked but does not work: ${reason}`)
  const missing = REQUIRED_FEATURES.filter((feature) => !adapter.features.includes(feature))
  if (missing.length) throw new Error(`${adapter.description} is too old: it lacks ${missing.join(', ')}`)
  rmSync(join(prefix, 'node'), { recursive: true }) // its paths are those of the staging folder
  return { version: mesaVersion(debs), description: adapter.description }
}

/**
 * The other vendors' drivers and the documentation: a third of the whole.
 * @param {string} prefix
 */
function dropUnused(prefix) {
  const libraries = libraryFolder(prefix)
  const others = readdirSync(libraries).filter((name) => /^libvulkan_.*\.so$/.test(name) && name !== 'libvulkan_lvp.so')
  for (const name of others) rmSync(join(libraries, name))
  rmSync(join(prefix, 'usr', 'share', 'doc'), { recursive: true, force: true })
}

/**
 * A relative library path is taken from the manifest's own folder, so the install can be renamed.
 * @param {string} prefix
 */
function driverManifest(prefix) {
  const library = join(libraryFolder(prefix), 'libvulkan_lvp.so').slice(prefix.length + 1)
  return JSON.stringify({ file_format_version: '1.0.1', ICD: { library_path: `./${library}`, api_version: '1.4.0' } })
}

/** @param {string[]} debs */
function mesaVersion(debs) {
  const mesa = debs.map((path) => basename(path)).find((name) => name.startsWith('mesa-vulkan-drivers_'))
  return decodeURIComponent(mesa?.split('_')[1] ?? 'unknown')
}

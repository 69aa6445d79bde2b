// Which environments may give Dawn a GPU on a server, in the order to try them.
//
// Servers have drivers in odd places: container runtimes mount them into folders no search path knows, register no Vulkan
// driver, or lack the Vulkan loader. Each candidate is a set of environment variables; nothing of the system is changed.

import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where Vulkan loaders look by themselves. */
const REGISTERED = [
  '/etc/vulkan/icd.d',
  '/usr/share/vulkan/icd.d',
  '/usr/local/share/vulkan/icd.d',
  '/usr/local/etc/vulkan/icd.d',
]
/** Where container runtimes put drivers. */
const MOUNTED = [
  '/usr/local/nvidia/share/vulkan/icd.d',
  '/usr/local/nvidia/vulkan/icd.d',
  '/run/opengl-driver/share/vulkan/icd.d',
]
/** Searched for libraries without being told to. */
const SEARCHED = ['/usr/lib/x86_64-linux-gnu', '/lib/x86_64-linux-gnu', '/usr/lib64', '/lib64', '/usr/lib', '/lib']
const LIBRARIES = [
  ...SEARCHED,
  '/usr/lib/x86_64-linux-gnu/nvidia/current',
  '/usr/local/nvidia/lib64',
  '/usr/local/nvidia/lib',
  '/run/opengl-driver/lib',
  '/usr/lib/wsl/lib',
]
/** NVIDIA's driver by its two faces: on servers without a display it may be the second that works. */
const NVIDIA = ['libGLX_nvidia.so.0', 'libEGL_nvidia.so.0']

/**
 * @typedef {object} Candidate
 * @property {string} title for the log
 * @property {Record<string, string>} env
 */

/**
 * @param {object} place
 * @param {string} place.loaderFolder has our Vulkan loader
 * @param {string} place.scratch a folder to write driver descriptions to
 * @param {NodeJS.ProcessEnv} [place.env]
 * @param {string} [place.root] for tests: the file system to look at
 * @returns {Candidate[]}
 */
export function candidates({ loaderFolder, scratch, env = process.env, root = '/' }) {
  const chosen = env.VK_DRIVER_FILES || env.VK_ICD_FILENAMES
  const registered = REGISTERED.some((folder) => manifests(folder, root).length > 0)
  const title = chosen ? `the driver chosen, ${chosen}` : registered ? 'the registered drivers' : 'the system as it is'
  const drivers = [{ title, env: {} }, ...(chosen ? [] : [...mounted(root), ...described(root, scratch)])]
  // The system's own loader first: it knows the system's own places.
  return drivers.flatMap((driver) => [
    { title: driver.title, env: withLibraries(driver.env, env, '') },
    { title: `${driver.title}, with the bundle's Vulkan loader`, env: withLibraries(driver.env, env, loaderFolder) },
  ])
}

/**
 * Drivers that are described, where no loader looks.
 * @param {string} root
 * @returns {Candidate[]}
 */
function mounted(root) {
  const folders = nvidiaFolders(root).join(':')
  return MOUNTED.flatMap((folder) => manifests(folder, root)).map((path) => ({
    title: path,
    env: { VK_DRIVER_FILES: path, LD_LIBRARY_PATH: folders },
  }))
}

/**
 * NVIDIA's driver without a description: one is written for each of its faces.
 * @param {string} root
 * @param {string} scratch
 * @returns {Candidate[]}
 */
function described(root, scratch) {
  return NVIDIA.flatMap((library) => {
    const folder = LIBRARIES.find((path) => existsSync(join(root, path, library)))
    if (!folder) return []
    const file = join(scratch, `${library}.json`)
    const driver = { library_path: join(folder, library), api_version: '1.4.0' }
    writeFileSync(file, `${JSON.stringify({ file_format_version: '1.0.1', ICD: driver }, null, 2)}\n`)
    const env = { VK_DRIVER_FILES: file, LD_LIBRARY_PATH: nvidiaFolders(root).join(':') }
    return [{ title: `${join(folder, library)}, described by ourselves`, env }]
  })
}

/**
 * Where the driver finds further parts of itself, which it loads by name; not the folders that are searched anyway.
 * @param {string} root
 */
function nvidiaFolders(root) {
  const folders = LIBRARIES.filter((folder) => NVIDIA.some((library) => existsSync(join(root, folder, library))))
  return folders.filter((folder) => !SEARCHED.includes(folder))
}

/** @param {string} folder @param {string} root @returns {string[]} */
function manifests(folder, root) {
  const path = join(root, folder)
  if (!existsSync(path)) return []
  const names = readdirSync(path).filter((name) => name.endsWith('.json'))
  return names.sort().map((name) => join(folder, name))
}

/**
 * @param {Record<string, string>} driver
 * @param {NodeJS.ProcessEnv} env what the user has
 * @param {string} loaderFolder may be empty
 * @returns {Record<string, string>}
 */
function withLibraries({ LD_LIBRARY_PATH = '', ...driver }, env, loaderFolder) {
  const path = [loaderFolder, LD_LIBRARY_PATH, env.LD_LIBRARY_PATH].filter(Boolean).join(':')
  return path ? { ...driver, LD_LIBRARY_PATH: path } : driver
}

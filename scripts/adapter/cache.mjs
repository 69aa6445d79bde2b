// The folder software adapters live in, and how one gets there whole or not at all.
//
// An install is built in a staging folder beside its target, proved there, marked, and renamed. So a folder with a marker
// is complete; one without is the remains of something interrupted, and is made again. Two processes that install at once
// both build; the first rename wins, and the second process takes the winner's.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'

/** Raised when the layout of an installed adapter changes, so that older ones are made again. */
const LAYOUT = 1
const MARKER = 'ready.json'
const STAGING = '.staging-'
const STALE_MS = 3_600_000

/**
 * @typedef {object} Marker
 * @property {number} layout
 * @property {string} version of what was installed
 * @property {string} date ISO 8601
 * @property {string} description what the adapter calls itself
 */

/** `$VOXGRAD_CACHE`, else `$XDG_CACHE_HOME/voxgrad`, else `~/.cache/voxgrad`. */
export function cacheRoot(env = process.env) {
  if (env.VOXGRAD_CACHE) return env.VOXGRAD_CACHE
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'voxgrad')
}

/** @param {string} name such as `lavapipe-x64` */
export function softwareAdapterFolder(name) {
  return join(cacheRoot(), 'software-adapter', name)
}

/**
 * The marker of a complete install, or null.
 * @param {string} folder
 * @returns {Marker | null}
 */
export function readMarker(folder) {
  const marker = readJson(join(folder, MARKER))
  return marker?.layout === LAYOUT ? marker : null
}

/**
 * A file's JSON, or null when there is none or it is no JSON.
 * @param {string} path
 * @returns {any}
 */
export function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
}

/**
 * Written under another name first, so that nobody ever reads half of it.
 * @param {string} path
 * @param {unknown} value
 */
export function writeJson(path, value) {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`)
  renameSync(temporary, path)
}

/**
 * Makes `folder` complete unless it already is.
 * @param {string} folder
 * @param {(staging: string) => Promise<{ version: string, description: string }>} build fills `staging`, proves that it works, throws if not
 * @returns {Promise<Marker>}
 */
export async function installOnce(folder, build) {
  const present = readMarker(folder)
  if (present) return present
  const parent = dirname(folder)
  mkdirSync(parent, { recursive: true })
  removeAbandoned(parent)
  const staging = mkdtempSync(join(parent, `${STAGING}${Date.now()}-${basename(folder)}-`))
  try {
    const marker = { layout: LAYOUT, date: new Date().toISOString(), ...(await build(staging)) }
    writeJson(join(staging, MARKER), marker)
    return adopt(staging, folder) ? marker : (readMarker(folder) ?? marker)
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
}

/**
 * @param {string} staging
 * @param {string} folder
 * @returns {boolean} false when another process was first
 */
function adopt(staging, folder) {
  for (let attempt = 1; ; attempt++) {
    try {
      renameSync(staging, folder)
      return true
    } catch (error) {
      if (readMarker(folder)) return false
      if (!existsSync(folder) || attempt === 3) throw error
      rmSync(folder, { recursive: true, force: true }) // no marker: half-made
    }
  }
}

/**
 * Removes what killed processes left behind. The age is in the name, because unpacking sets the folder's own time to that of the archive.
 * @param {string} parent
 */
function removeAbandoned(parent) {
  for (const name of readdirSync(parent).filter((entry) => entry.startsWith(STAGING))) {
    const started = Number.parseInt(name.slice(STAGING.length), 10)
    if (Date.now() - started > STALE_MS) rmSync(join(parent, name), { recursive: true, force: true })
  }
}

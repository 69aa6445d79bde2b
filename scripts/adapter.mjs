// Gives a WebGPU adapter to the programs that this project starts: the `node` to start them with and the environment they need.
//
// macOS (Metal) and Windows (D3D12) have one. On Linux a real GPU wins; otherwise Mesa's lavapipe 26; otherwise SwiftShader. The
// two software adapters are downloaded into the user's cache once, without root.

import { cacheRoot, readJson, softwareAdapterFolder, writeJson } from './adapter/cache.mjs'
import { findGpu } from './adapter/gpu.mjs'
import { findLavapipe, installLavapipe, lavapipeObstacle } from './adapter/lavapipe.mjs'
import { inheritedAdapter, plainNode, recorded } from './adapter/nested.mjs'
import { remedy } from './adapter/remedy.mjs'
import { findSwiftShader, installSwiftShader, swiftShaderObstacle } from './adapter/swiftshader.mjs'

export const CHOICES = /** @type {const} */ (['auto', 'hardware', 'lavapipe', 'swiftshader', 'none'])

/** How long `auto` is content with SwiftShader before it tries again to install lavapipe. */
const RETRY_MS = 24 * 3_600_000

/**
 * @typedef {typeof CHOICES[number]} Choice
 * @typedef {'hardware' | 'lavapipe' | 'swiftshader' | 'none'} Kind
 * @typedef {object} Adapter
 * @property {Kind} kind
 * @property {string} node program to start scripts with
 * @property {Record<string, string>} env to be added to their environment
 * @property {string} description what the adapter calls itself; empty where nobody had to ask
 *
 * @typedef {object} Search
 * @property {string} node
 * @property {'never' | 'once' | 'again'} downloads again: also what failed lately
 * @property {(line: string) => void} log
 * @property {string[]} lookedFor what was found missing, and why
 * @property {boolean} loaderMissing a GPU is there, but the Vulkan loader is not
 * @property {boolean} downloadable something could be downloaded here
 */

/** In order of preference. */
const SOFTWARE = {
  lavapipe: {
    title: 'lavapipe 26',
    megabytes: 61,
    find: findLavapipe,
    install: installLavapipe,
    obstacle: lavapipeObstacle,
  },
  swiftshader: {
    title: 'SwiftShader',
    megabytes: 70,
    find: findSwiftShader,
    install: installSwiftShader,
    obstacle: swiftShaderObstacle,
  },
}

/**
 * @param {string | undefined} value of `VOXGRAD_ADAPTER`
 * @returns {Choice}
 */
export function parseChoice(value) {
  const choice = CHOICES.find((name) => name === (value || 'auto'))
  if (choice) return choice
  throw new Error(
    `VOXGRAD_ADAPTER=${value} is none of: auto (a GPU, else lavapipe, else SwiftShader), hardware (a GPU or an error), ` +
      'lavapipe, swiftshader (that software adapter or an error), none (change nothing: enough for the null backend)',
  )
}

/**
 * An adapter, installed if it has to be.
 * @param {{ choice?: Choice, log?: (line: string) => void, retry?: boolean }} [options] log: told what is done and what is wrong,
 *   a line each; retry: try also what failed within the last day
 * @returns {Promise<Adapter>}
 * @throws {Error} when there is none: what was looked for, and one remedy
 */
export function ensureAdapter({ choice = 'auto', log = () => {}, retry = false } = {}) {
  return search(choice, log, retry || choice !== 'auto' ? 'again' : 'once')
}

/**
 * An adapter that is already there, or null. Downloads nothing.
 * @param {{ choice?: Choice }} [options]
 * @returns {Promise<Adapter | null>}
 */
export function findAdapter({ choice = 'auto' } = {}) {
  return search(choice, () => {}, 'never').catch(() => null)
}

/**
 * @param {Choice} choice
 * @param {(line: string) => void} log
 * @param {Search['downloads']} downloads
 * @returns {Promise<Adapter>}
 */
async function search(choice, log, downloads) {
  const inherited = inheritedAdapter(choice)
  if (inherited) return inherited
  const node = plainNode()
  if (choice === 'none') return { kind: 'none', node, env: {}, description: '' }
  if (process.platform !== 'linux') return otherSystem(choice, node)

  /** @type {Search} */
  const state = { node, downloads, log, lookedFor: [], loaderMissing: false, downloadable: false }
  const found =
    (choice === 'auto' || choice === 'hardware' ? await gpu(choice, state) : null) ??
    (choice === 'auto' || choice === 'lavapipe' ? await software('lavapipe', choice, state) : null) ??
    (choice === 'auto' || choice === 'swiftshader' ? await software('swiftshader', choice, state) : null)
  if (found) return recorded(choice, found)
  const list = state.lookedFor.map((line) => `  - ${line}`).join('\n')
  throw new Error(
    `no WebGPU adapter on this system. Looked for:\n${list}\nWhat mends it: ${remedy({ ...state, gpuOnly: choice === 'hardware' })}`,
  )
}

/**
 * @param {Choice} choice
 * @param {string} node
 * @returns {Adapter}
 */
function otherSystem(choice, node) {
  if (choice === 'auto' || choice === 'hardware') return { kind: 'hardware', node, env: {}, description: '' }
  throw new Error(
    `VOXGRAD_ADAPTER=${choice}: the software adapters are for Linux; leave VOXGRAD_ADAPTER unset on ${process.platform}`,
  )
}

/**
 * @param {Choice} choice
 * @param {Search} state
 * @returns {Promise<Adapter | null>}
 */
async function gpu(choice, state) {
  const { signs, chosen, adapter, reason } = await findGpu(state.node)
  // A software driver that the user set by Vulkan's own variables was a decision, and is not replaced by ours.
  if (adapter && (!adapter.software || (chosen && choice === 'auto'))) {
    return {
      kind: adapter.software ? softwareKind(adapter) : 'hardware',
      node: state.node,
      env: {},
      description: adapter.description,
    }
  }
  const why = adapter ? `only ${adapter.description}, which runs on the CPU` : reason
  state.lookedFor.push(`a GPU: ${why}`)
  state.loaderMissing = why.includes('libvulkan')
  if (signs) state.log(`the GPU is not used: ${why}${state.loaderMissing ? `. What mends it: ${remedy(state)}` : ''}`)
  return null
}

/** @param {import('./adapter/probe.mjs').AdapterFacts} adapter */
function softwareKind({ architecture }) {
  return architecture === 'swiftshader' ? 'swiftshader' : 'lavapipe'
}

/**
 * @param {keyof typeof SOFTWARE} kind
 * @param {Choice} choice
 * @param {Search} state
 * @returns {Promise<Adapter | null>}
 */
async function software(kind, choice, state) {
  const { title, megabytes, find, install, obstacle } = SOFTWARE[kind]
  try {
    const present = await find(state.node)
    if (present) return { kind, ...present }
    const reason = obstacle()
    if (reason) return missing(reason)
    state.downloadable = true
    if (state.downloads === 'never') return missing('not installed')
    if (kind === 'lavapipe' && state.downloads === 'once' && makesDo(state))
      return missing('could not be installed lately')
    const why = choice === 'auto' ? 'no GPU in use: ' : ''
    state.log(`${why}installing the software adapter ${title} into ${cacheRoot()} (${megabytes} MB to download, once)`)
    const start = performance.now()
    const installed = await install(state.node)
    state.log(`installed ${installed.description} in ${((performance.now() - start) / 1000).toFixed(0)} s`)
    return { kind, ...installed }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    if (state.downloads === 'never') return missing(reason)
    state.log(`${title} cannot be had: ${reason}`)
    if (kind === 'lavapipe') rememberFailure(reason)
    return missing(reason)
  }

  /** @param {string} reason */
  function missing(reason) {
    state.lookedFor.push(`${title}: ${reason}`)
    return null
  }
}

function failureRecord() {
  return softwareAdapterFolder('lavapipe-failed.json')
}

/** @param {string} reason */
function rememberFailure(reason) {
  try {
    writeJson(failureRecord(), { date: new Date().toISOString(), reason })
  } catch {
    // A cache that cannot be written is the reason already given.
  }
}

/**
 * Without a network each start would wait for apt to give up; so for a day SwiftShader, once it is there, has to do.
 * @param {Search} state
 */
function makesDo({ node }) {
  const failed = readJson(failureRecord())
  return failed !== null && Date.now() - Date.parse(failed.date) < RETRY_MS && findSwiftShader(node) !== null
}

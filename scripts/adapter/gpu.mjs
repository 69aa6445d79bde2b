// What Dawn finds on this system as it is.

import { existsSync, readdirSync } from 'node:fs'
import { probe } from './probe.mjs'

/**
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {{ devices: string[], chosen: string[] }} what on this system hints at a GPU, and the variables that choose a driver
 */
export function gpuSigns(env = process.env) {
  const render = existsSync('/dev/dri') ? readdirSync('/dev/dri').filter((name) => name.startsWith('renderD')) : []
  const devices = [...render.map((name) => `/dev/dri/${name}`), '/dev/nvidiactl', '/dev/dxg'].filter((path) =>
    existsSync(path),
  )
  const chosen = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'].filter((name) => env[name])
  return { devices, chosen }
}

/**
 * Asks Dawn for an adapter, in a child process, and only where something hints at one.
 * @param {string} node
 * @returns {Promise<{ signs: boolean, chosen: boolean, adapter: import('./probe.mjs').AdapterFacts | null, reason: string }>}
 *   chosen: by the user, who set a driver; reason: why there is none
 */
export async function findGpu(node) {
  const { devices, chosen } = gpuSigns()
  const signs = [...devices, ...chosen]
  if (!signs.length)
    return { signs: false, chosen: false, adapter: null, reason: 'no /dev/dri/renderD*, /dev/nvidiactl or /dev/dxg' }
  const { adapter, reason } = await probe(node, {})
  return {
    signs: true,
    chosen: chosen.length > 0,
    adapter,
    reason: adapter ? '' : `${signs.join(', ')} is there, but ${reason}`,
  }
}

// What adapter would a process get, started with this `node` and this environment?

import { fileURLToPath } from 'node:url'
import { exec } from './exec.mjs'

const CHILD = fileURLToPath(new URL('./probe-child.mjs', import.meta.url))

/**
 * @typedef {object} AdapterFacts
 * @property {string} vendor
 * @property {string} architecture
 * @property {string} device
 * @property {string} description
 * @property {boolean} software runs on the CPU
 * @property {string[]} features
 */

/**
 * @param {string} node
 * @param {Record<string, string>} env added to this process's own
 * @param {{ compute?: boolean }} [options] compute: also run a kernel and check its result
 * @returns {Promise<{ adapter: AdapterFacts | null, reason: string }>} reason: why there is none
 */
export async function probe(node, env, { compute = false } = {}) {
  // A first start of a datacentre driver can take many seconds.
  const outcome = await exec(node, [CHILD, ...(compute ? ['--compute'] : [])], {
    env: { ...process.env, ...env },
    timeoutMs: 60_000,
  })
  if (!outcome.ok) return { adapter: null, reason: outcome.reason }
  const adapter = JSON.parse(outcome.stdout.trim().split('\n').at(-1) ?? 'null')
  return {
    adapter,
    reason: adapter ? '' : (outcome.stderr.match(/Couldn't load Vulkan: .*/)?.[0] ?? 'Dawn finds none'),
  }
}

// Loader hook for Node: `import source from './kernel.wgsl'`. Written without async, so that it serves both of Node's hook interfaces.

import { readFileSync } from 'node:fs'
import { wgslModule } from './wgsl-module.mjs'

/**
 * @param {string} url
 * @param {object} context
 * @param {(url: string, context: object) => any} nextLoad
 */
export function load(url, context, nextLoad) {
  const address = new URL(url)
  if (address.protocol !== 'file:' || !address.pathname.endsWith('.wgsl')) return nextLoad(url, context)
  return { format: 'module', shortCircuit: true, source: wgslModule(readFileSync(address, 'utf8')) }
}

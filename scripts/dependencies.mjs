// Brings node_modules to what package-lock.json says.

import { join } from 'node:path'
import { readJson } from './adapter/cache.mjs'
import { npm } from './adapter/npm.mjs'

/**
 * Installs the dependencies if they are missing or of another lock file.
 * @param {string} root the checkout
 * @param {(line: string) => void} log
 */
export async function ensureDependencies(root, log) {
  const reason = staleness(
    readJson(join(root, 'package-lock.json')),
    readJson(join(root, 'node_modules', '.package-lock.json')),
  )
  if (!reason) return
  log(`${reason}: running npm ci`)
  const installed = await npm(['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], root)
  if (installed.ok) return
  const said = `${installed.stderr}${installed.stdout}`.trim().split('\n')
  throw new Error(`npm ci failed:\n${said.slice(0, 20).join('\n')}`) // npm goes on to list all its options
}

/**
 * Why an installation is not what the lock file asks for, or null. Compares contents: a checkout changes modification times for nothing.
 * @param {any} wanted package-lock.json
 * @param {any} installed node_modules/.package-lock.json, which npm writes
 * @returns {string | null}
 */
export function staleness(wanted, installed) {
  if (!wanted) return null // nothing to compare with
  if (!installed) return 'node_modules is missing'
  for (const [path, { version, integrity, optional }] of Object.entries(wanted.packages)) {
    const present = installed.packages[path]
    if (path === '' || (optional && !present)) continue // the project itself; what is made for other systems
    if (!present) return `${path} is missing`
    if (present.version !== version || present.integrity !== integrity)
      return `${path} is not ${version}, as the lock file has it`
  }
  const surplus = Object.keys(installed.packages).find((path) => !wanted.packages[path])
  return surplus ? `${surplus} is not in the lock file` : null
}

// Starts a program of this project in a child process with the adapter's `node` and environment, as if it were this process.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { readJson } from './adapter/cache.mjs'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** @param {string} line */
export function say(line) {
  process.stderr.write(`voxgrad: ${line}\n`)
}

/**
 * The arguments that make `node` run an entry: a TypeScript file from source, or a program of node_modules by its name.
 * @param {string} entry
 * @returns {string[]}
 * @throws {Error} when there is no such program
 */
export function nodeArguments(entry) {
  if (/\.[cm]?[jt]s$/.test(entry)) return [...sourceLoaders(), entry]
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'node_modules', '.package-lock.json'), 'utf8'))
  // npm's own list, rather than node_modules/.bin, which holds shell scripts on Windows.
  for (const [path, { bin = {} }] of Object.entries(packages)) {
    if (bin[entry]) return [join(ROOT, path, bin[entry])]
  }
  throw new Error(`${entry} is neither a .ts file nor a program of node_modules`)
}

/** tsx for TypeScript, our own hook for .wgsl. */
function sourceLoaders() {
  const tsx = join(ROOT, 'node_modules', 'tsx')
  const { exports } = readJson(join(tsx, 'package.json'))
  return [pathToFileURL(join(tsx, exports['.'])).href, new URL('./wgsl-register.mjs', import.meta.url).href].flatMap(
    (url) => ['--import', url],
  )
}

/**
 * @param {{ node: string, env: Record<string, string> }} adapter
 * @param {string[]} args
 * @returns {Promise<never>} ends this process as the child ended
 */
export function launch({ node, env }, args) {
  // tsx otherwise takes the tsconfig.json of the folder the user happens to be in.
  const child = spawn(node, args, {
    stdio: 'inherit',
    env: { TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json'), ...process.env, ...env },
  })
  // A terminal sends Ctrl-C to the whole group, so the child has it already; twice would be taken for impatience.
  const fromTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY)
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => (signal === 'SIGINT' && fromTerminal ? undefined : child.kill(signal)))
  }
  return new Promise((_, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (!signal) process.exit(code ?? 1)
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    })
  })
}

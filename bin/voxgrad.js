#!/usr/bin/env node
// The `voxgrad` command.
//
// In a checkout it runs src/cli/main.ts, and installs dependencies and an adapter if they are missing. In an installed package it runs
// dist/cli/main.js with the adapter that is there, and downloads one only when told to, by `voxgrad setup`. That command is here
// and not in the CLI because it must work before the native module can load. `voxgrad run SCRIPT` is here for the same reason: it runs a
// program of the user's with the node and the environment that a software adapter needs.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isCurrent } from '../scripts/adapter/nested.mjs'
import { ensureAdapter, findAdapter, parseChoice } from '../scripts/adapter.mjs'
import { ensureDependencies } from '../scripts/dependencies.mjs'
import { launch, nodeArguments, ROOT, say } from '../scripts/launch.mjs'

const args = process.argv.slice(2)
const source = join(ROOT, 'src', 'cli', 'main.ts')
const built = new URL('../dist/cli/main.js', import.meta.url).href

try {
  const choice = parseChoice(process.env.VOXGRAD_ADAPTER)
  const checkout = existsSync(source)
  if (checkout) await ensureDependencies(ROOT, say)
  if (args[0] === 'setup') {
    const { kind, description, node } = await ensureAdapter({ choice, log: say, retry: true })
    say(`adapter: ${kind}${description ? ` (${description})` : ''}, node: ${node}`)
  } else if (args[0] === 'run') {
    if (!args[1]) throw new Error('usage: voxgrad run SCRIPT.js [ARGUMENT...]')
    await launch(await ensureAdapter({ choice, log: say }), args.slice(1))
  } else if (checkout) {
    await launch(await ensureAdapter({ choice, log: say }), [...nodeArguments(source), ...args])
  } else {
    await runBuilt(await findAdapter({ choice }))
  }
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}

/**
 * Without an adapter too: the CLI has commands that need none, and says itself what is missing for the others.
 * @param {import('../scripts/adapter.mjs').Adapter | null} adapter
 */
async function runBuilt(adapter) {
  if (!adapter || isCurrent(adapter)) await import(built)
  else await launch(adapter, [fileURLToPath(built), ...args])
}

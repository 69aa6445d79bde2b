// node scripts/run.mjs ENTRY [ARGUMENT...]
//
// Runs a TypeScript file of this checkout from source, or a program of node_modules, on a machine that may have nothing but Node:
// installs the dependencies if they are missing, and a WebGPU adapter if there is none. VOXGRAD_ADAPTER forces an adapter.

import { ensureAdapter, parseChoice } from './adapter.mjs'
import { ensureDependencies } from './dependencies.mjs'
import { launch, nodeArguments, ROOT, say } from './launch.mjs'

const [entry, ...rest] = process.argv.slice(2)
try {
  if (!entry) throw new Error('usage: node scripts/run.mjs FILE.ts|PROGRAM [ARGUMENT...]')
  const choice = parseChoice(process.env.VOXGRAD_ADAPTER)
  await ensureDependencies(ROOT, say)
  const adapter = await ensureAdapter({ choice, log: say })
  await launch(adapter, [...nodeArguments(entry), ...rest])
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}

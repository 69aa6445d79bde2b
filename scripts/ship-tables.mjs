// npm run tune:ship -- FILE... [--architecture]
//
// Makes the tables of preferred variants that ship with the package, src/kernels/shipped-tables.ts, from files that
// `voxgrad tune --export` wrote. Each file replaces the table of its kind of device; with --architecture that of its
// vendor/architecture. The other tables stay as they are.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { shippedTables } from '../src/kernels/shipped-tables.js'
import { tuningExportSchema } from '../src/tuning/export.js'

const target = fileURLToPath(new URL('../src/kernels/shipped-tables.ts', import.meta.url))
const biome = fileURLToPath(new URL('../node_modules/@biomejs/biome/bin/biome', import.meta.url))

/** @param {string} path */
function readExport(path) {
  const result = tuningExportSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')))
  if (result.success) return result.data
  throw new Error(`${path} is no file of voxgrad tune --export: ${result.error.message}`)
}

function main() {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { architecture: { type: 'boolean' } } })
  if (positionals.length === 0) throw new Error('usage: npm run tune:ship -- FILE... [--architecture]')
  const tables = { ...shippedTables }
  for (const path of positionals) {
    const { kind, adapter, webgpu, date, preferences } = readExport(path)
    if (!kind) throw new Error(`${path} is of a ${adapter.vendor} adapter, and there is no table for those`)
    const name = values.architecture ? `${kind}/${adapter.architecture}` : kind
    const measuredOn = `${adapter.description || adapter.device}, webgpu ${webgpu}, ${date.slice(0, 10)}`
    tables[name] = { measuredOn, preferences }
  }
  const source = readFileSync(target, 'utf8')
  const start = source.indexOf('export const shippedTables')
  const head = source.slice(0, source.indexOf('=', start) + 1)
  writeFileSync(target, `${head} ${JSON.stringify(tables, null, 2)}\n`)
  const { status } = spawnSync(process.execPath, [biome, 'check', '--write', target], { stdio: 'inherit' })
  if (status !== 0) throw new Error('biome could not format the tables')
}

try {
  main()
} catch (error) {
  process.stderr.write(`tune:ship: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}

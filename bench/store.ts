/** `node scripts/run.mjs bench/store.ts FILE...`: copies runs to `bench/results` under the names that reports expect. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { readRun, resultFileName, resultsFolder } from './results.js'

const files = process.argv.slice(2)
if (files.length === 0) {
  console.error('usage: node scripts/run.mjs bench/store.ts FILE.jsonl...')
  process.exitCode = 2
}
for (const file of files) {
  const { header } = readRun(file)
  const name = resultFileName(header)
  copyFileSync(file, join(resultsFolder, name))
  console.log(`${name}${header.dirty ? ' (of a commit with local changes)' : ''}`)
}

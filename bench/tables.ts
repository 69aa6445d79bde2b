/**
 * `npm run bench:tables`: writes the README's performance tables from the stored runs; with `--check`, only tells whether
 * they are up to date. Exit 1 when they are not, 2 when the README has no place for them.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { performanceTables, replaceBlock } from './report/markdown.js'
import { readResults } from './results.js'

const readme = fileURLToPath(new URL('../README.md', import.meta.url))
const before = readFileSync(readme, 'utf8')
try {
  const after = replaceBlock(before, performanceTables(readResults()))
  if (process.argv.includes('--check')) {
    if (after !== before) {
      console.error('the performance tables of README.md are out of date: npm run bench:tables')
      process.exitCode = 1
    }
  } else if (after !== before) writeFileSync(readme, after)
} catch (error) {
  console.error(`README.md: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 2
}

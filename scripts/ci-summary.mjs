// node scripts/ci-summary.mjs REPORT.json...
//
// Adds up vitest's JSON reports and prints one line: `N passed, N failed[, N skipped]`. Exit status 1 if anything failed, or if nothing
// passed: a run without tests is no success. A report that is missing or broken is a failure, and so is a file that did not load.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * @typedef {object} Counts
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 */

/**
 * @param {string | null} json text of a vitest JSON report, null if there is none
 * @returns {Counts}
 */
export function countTests(json) {
  try {
    const report = JSON.parse(json ?? '')
    const { numPassedTests: passed, numPendingTests: pending, numTodoTests: todo } = report
    // A file that throws on import has no tests to fail, and an error outside of tests fails none.
    const unloaded = report.testResults.filter(
      (/** @type {any} */ file) =>
        file.status === 'failed' && !file.assertionResults.some((/** @type {any} */ test) => test.status === 'failed'),
    )
    const failed = report.numFailedTests + unloaded.length
    return { passed, failed: failed || (report.success ? 0 : 1), skipped: pending + todo }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

/**
 * @param {Counts[]} all
 * @returns {{ line: string, ok: boolean }}
 */
export function summarize(all) {
  /** @param {keyof Counts} key */
  const total = (key) => all.reduce((sum, counts) => sum + counts[key], 0)
  const skipped = total('skipped')
  const line = `${total('passed')} passed, ${total('failed')} failed${skipped ? `, ${skipped} skipped` : ''}`
  return { line, ok: total('failed') === 0 && total('passed') > 0 }
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { line, ok } = summarize(process.argv.slice(2).map((path) => countTests(read(path))))
  process.stdout.write(`${line}\n`)
  process.exitCode = ok ? 0 : 1
}

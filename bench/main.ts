/**
 * `npm run bench`: how fast every kernel and model is on this adapter, as a fraction of what the adapter can do in the
 * same run, and beside other libraries.
 */
import { appendFileSync, writeFileSync } from 'node:fs'
import { NoAdapterError } from '../src/engine/index.js'
import { type BenchArguments, parseArguments, UsageError, usage } from './arguments.js'
import { runBench } from './bench.js'
import { listRows } from './list.js'
import { compareRuns, comparisonLines, hasRegressions } from './report/compare.js'
import { toCsv } from './report/csv.js'
import { toHtml } from './report/html.js'
import { headerLines, probeHead, probeLine, rowHead, rowLine, summaryLines } from './report/table.js'
import { historyOf, readResults, readRun } from './results.js'
import { type Run, toLine } from './schema.js'

async function main(options: BenchArguments): Promise<number> {
  if (options.list) {
    for (const line of await listRows(options)) console.log(line)
    return 0
  }
  // Read before hours of measuring, so that a wrong path or file costs nothing.
  const before = options.compare === undefined ? undefined : readRun(options.compare)
  const { json } = options
  const run = await runBench(options, before, {
    header: (header) => console.log(headerLines(header).join('\n')),
    peer: (line) => console.log(`peer ${line}`),
    probe: (probe, index) => console.log(index === 0 ? `\n${probeHead}\n${probeLine(probe)}` : probeLine(probe)),
    start: (header) => {
      console.log(`\n${rowHead}`)
      if (json) writeFileSync(json, `${toLine(header)}\n`)
    },
    row: (row) => {
      console.log(rowLine(row))
      // Line by line: a run that is interrupted keeps what it found.
      if (json) appendFileSync(json, `${toLine(row)}\n`)
    },
    again: (row) => console.log(`again: ${rowLine(row)}`),
  })
  console.log(`\n${summaryLines(run.rows).join('\n')}`)
  writeReports(options, run)
  const wrong = run.rows.some(({ status }) => status === 'wrong' || status === 'failed')
  if (!before) return wrong ? 1 : 0
  const comparison = compareRuns(before, run, options.threshold)
  console.log(`\n${comparisonLines(comparison, options.threshold).join('\n')}`)
  return wrong || hasRegressions(comparison) ? 1 : 0
}

function writeReports({ json, csv, html }: BenchArguments, run: Run): void {
  if (json) writeFileSync(json, [run.header, ...run.rows].map((value) => `${toLine(value)}\n`).join(''))
  if (csv) writeFileSync(csv, toCsv(run.rows))
  if (html) writeFileSync(html, toHtml(run, historyOf(run.header, readResults())))
}

try {
  const options = parseArguments(process.argv.slice(2))
  if (options.help) console.log(usage)
  else process.exitCode = await main(options)
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\n\n${usage}`)
    process.exitCode = 2
  } else if (error instanceof NoAdapterError) {
    console.error(error.message)
    process.exitCode = 1
  } else throw error
}

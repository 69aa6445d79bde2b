/**
 * Trains every experiment on phantoms, evaluates it, and writes docs/phantom-results.md and .json:
 *
 *     node scripts/run.mjs scripts/phantom-results.ts [--seeds 1,2,3] [--only NAME,NAME] [--runs runs/phantom-results]
 *
 * Goes on where it was stopped: what is in the runs' folder is not done again, and what was run before stays on the page.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { experiments } from './phantom-results/experiments.js'
import { resultsPage } from './phantom-results/page.js'
import { type RunResult, runExperiment } from './phantom-results/runs.js'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1,2,3' },
    only: { type: 'string' },
    runs: { type: 'string', default: join('runs', 'phantom-results') },
  },
})
const seeds = values.seeds.split(',').map(Number)
const wanted = values.only?.split(',') ?? experiments.map(({ name }) => name)
const unknown = wanted.filter((name) => !experiments.some((experiment) => experiment.name === name))
if (unknown.length > 0) throw new Error(`there is no experiment ${unknown.join(', ')}`)

for (const seed of seeds) {
  for (const experiment of experiments.filter(({ name }) => wanted.includes(name))) {
    await runExperiment(values.runs, experiment, seed, true)
    await writeResults()
  }
}
for (const experiment of experiments.filter(({ name }) => wanted.includes(name))) {
  await runExperiment(values.runs, experiment, seeds[0]!, false)
}
await writeResults()

async function writeResults(): Promise<void> {
  const folders = await readdir(values.runs)
  const results: RunResult[] = []
  for (const folder of folders.sort()) {
    const text = await readFile(join(values.runs, folder, 'result.json'), 'utf8').catch(() => undefined)
    if (text !== undefined) results.push(JSON.parse(text) as RunResult)
  }
  const page = resultsPage(experiments, results, 'node scripts/run.mjs scripts/phantom-results.ts')
  await writeFile('docs/phantom-results.json', `${JSON.stringify(results, undefined, 2)}\n`)
  await writeFile('docs/phantom-results.md', page)
}

/** docs/phantom-results.md, from the results of the runs. */
import { type Direction, directions, type Experiment } from './experiments.js'
import type { RunResult } from './runs.js'
import { type Estimate, estimate } from './statistics.js'

const digits = ({ mean, halfWidth }: Estimate): string =>
  halfWidth === undefined ? mean.toFixed(3) : `${mean.toFixed(3)} ± ${halfWidth.toFixed(3)}`

/** Of a score, over the seeds of an experiment; undefined where none was run. */
function scoreOf(results: readonly RunResult[], name: string, trained: boolean, score: string): Estimate | undefined {
  const values = results.flatMap((result) => {
    const value = result.experiment === name && result.trained === trained ? result.scores[score] : undefined
    return value === undefined ? [] : [value]
  })
  return values.length === 0 ? undefined : estimate(values)
}

export function resultsPage(
  experiments: readonly Experiment[],
  results: readonly RunResult[],
  command: string,
): string {
  const names = experiments.map(({ name }) => name)
  const cell = (name: string, trained: boolean, score = 'macroAuroc'): string => {
    const found = scoreOf(results, name, trained, score)
    return found ? digits(found) : '-'
  }
  const findings = [...new Set(results.flatMap(({ scores }) => Object.keys(scores)))].filter((key) =>
    key.startsWith('auroc/'),
  )
  const adapters = [...new Set(results.map(({ adapter }) => adapter).filter(Boolean))]
  return `# What the objectives teach, on phantoms

Made by \`${command}\` from the configurations in \`recipes/\`; numbers of every run are in [phantom-results.json](phantom-results.json).
Zero-shot AUROC on the phantoms of the test split, which no training sees: mean over seeds, ± half of its 95 % interval (Student's t)
where there are several. Phantoms are synthetic: these figures say whether an objective works, and nothing about patients.
Research use only, not for diagnosis.

## Macro AUROC

| experiment | seeds | trained | random weights |
|---|---|---|---|
${names.map((name) => `| ${name} | ${scoreOf(results, name, true, 'macroAuroc')?.values.length ?? 0} | ${cell(name, true)} | ${cell(name, false)} |`).join('\n')}

## The papers' directions

${directions.map((direction) => `- ${verdict(direction, results)}`).join('\n')}

## By finding

| finding | ${names.join(' | ')} |
|---|${names.map(() => '---|').join('')}
${findings.map((key) => `| ${key.slice('auroc/'.length)} | ${names.map((name) => cell(name, true, key)).join(' | ')} |`).join('\n')}

## Cost of training

On ${adapters.join('; ') || 'no adapter yet'}. Samples per second: the median over the steps of the first seed, with whatever else the machine did.

| experiment | steps | samples/s | peak GPU memory |
|---|---|---|---|
${names.flatMap((name) => costRow(name, results)).join('\n')}
`
}

function costRow(name: string, results: readonly RunResult[]): string[] {
  const run = results.find(({ experiment, trained }) => experiment === name && trained)
  if (!run) return []
  const { steps, samplesPerSecond, peakBytes } = run
  return [`| ${name} | ${steps} | ${samplesPerSecond.toFixed(1)} | ${(peakBytes / 1e6).toFixed(0)} MB |`]
}

/** What the runs say of a direction: seeds are paired, so that their differences are what is judged. */
function verdict({ claim, better, than }: Direction, results: readonly RunResult[]): string {
  const score = (name: string, seed: number): number | undefined =>
    results.find((run) => run.experiment === name && run.seed === seed && run.trained)?.scores.macroAuroc
  const seeds = [...new Set(results.map(({ seed }) => seed))]
  const differences = seeds.flatMap((seed) => {
    const [a, b] = [score(better, seed), score(than, seed)]
    return a === undefined || b === undefined ? [] : [a - b]
  })
  if (differences.length === 0) return `${claim}: not run.`
  const { mean, halfWidth } = estimate(differences)
  const text = `${claim}: ${mean >= 0 ? '+' : ''}${mean.toFixed(3)}`
  if (halfWidth === undefined) return `${text} with the one seed that was run.`
  const sure = Math.abs(mean) > halfWidth
  const outcome = mean > 0 ? 'holds' : 'does not hold'
  return `${text} ± ${halfWidth.toFixed(3)} over ${differences.length} seeds: ${sure ? outcome : `${outcome} in the mean, within the noise of the seeds`}.`
}

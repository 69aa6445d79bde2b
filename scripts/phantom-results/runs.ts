/** Trains and evaluates in processes of their own, as a user would; what is done already is not done again. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Experiment } from './experiments.js'

export interface RunResult {
  readonly experiment: string
  readonly seed: number
  readonly trained: boolean
  /** `macroAuroc` and `auroc/FINDING` of the test phantoms. */
  readonly scores: Readonly<Record<string, number>>
  readonly steps: number
  readonly samplesPerSecond: number
  readonly peakBytes: number
  readonly adapter: string
}

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** Trains an experiment with a seed, unless it is random weights that are asked for, and evaluates it. */
export async function runExperiment(
  root: string,
  { name, recipe, set = [] }: Experiment,
  seed: number,
  trained: boolean,
): Promise<RunResult> {
  const folder = join(root, `${name}-${trained ? '' : 'untrained-'}${seed}`)
  const resultPath = join(folder, 'result.json')
  if (existsSync(resultPath)) return JSON.parse(await readFile(resultPath, 'utf8')) as RunResult
  await mkdir(folder, { recursive: true })
  const settings = [...set, `train.seed=${seed}`, `output.folder=${folder}`].flatMap((one) => ['--set', one])
  const path = `recipes/${recipe}.yaml`
  if (trained && !existsSync(join(folder, 'model.safetensors'))) {
    const resume = existsSync(join(folder, 'checkpoints')) ? ['--resume'] : []
    await voxgrad(['train', path, ...settings, ...resume])
  }
  const scorePath = join(folder, 'scores.json')
  await voxgrad(['eval', path, ...settings, '--out', scorePath, ...(trained ? [] : ['--untrained'])])
  const { scores } = JSON.parse(await readFile(scorePath, 'utf8')) as Pick<RunResult, 'scores'>
  const result = { experiment: name, seed, trained, scores, ...(await runFacts(folder, trained)) }
  await writeFile(resultPath, `${JSON.stringify(result, undefined, 2)}\n`)
  return result
}

/** Of the log of a training run; the rate is the median over its steps. */
async function runFacts(folder: string, trained: boolean) {
  if (!trained) return { steps: 0, samplesPerSecond: 0, peakBytes: 0, adapter: '' }
  const lines = (await readFile(join(folder, 'metrics.jsonl'), 'utf8')).trim().split('\n')
  const steps = lines
    .map((line) => JSON.parse(line) as Record<string, number>)
    .filter(({ samplesPerSecond }) => samplesPerSecond !== undefined)
  const rates = steps.map(({ samplesPerSecond }) => samplesPerSecond!).sort((a, b) => a - b)
  const { device } = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as { device: { description: string } }
  return {
    steps: steps.at(-1)!.step!,
    samplesPerSecond: rates[rates.length >> 1]!,
    peakBytes: Math.max(...steps.map(({ peakBytes }) => peakBytes!)),
    adapter: device.description,
  }
}

function voxgrad(args: readonly string[]): Promise<void> {
  console.log(`voxgrad ${args.join(' ')}`)
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, main, ...args], { stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`voxgrad ${args[0]} ended with ${code}`))))
  })
}

/** `voxgrad train`: trains what a configuration describes, and goes on where it was stopped. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { writeTextAtomically } from '../data/index.js'
import type { Device } from '../engine/index.js'
import {
  type Collective,
  configName,
  launchedCollective,
  logTo,
  progressLine,
  readConfig,
  recipes,
  type TrainingConfig,
  type TrainingObserver,
  type TrainingResult,
  train,
} from '../train/index.js'
import { openDevice } from '../tuning/index.js'
import { addDeviceOptions, type DeviceArguments, researchNotice } from './options.js'
import { Progress } from './progress.js'
import { packageIdentity } from './run-record.js'

/** A configuration and where its run goes, on one rank. */
interface Rank {
  readonly config: TrainingConfig
  readonly folder: string
  readonly collective: Collective
}

interface TrainArguments extends DeviceArguments {
  readonly set: readonly string[]
  readonly resume?: boolean
  readonly out?: string
}

/** What shells say of a command that Ctrl-C ended: 128 and the number of the signal. */
const interruptedCode = 130

export function trainCommand(): Command {
  const command = new Command('train')
    .description('Train a model as a configuration says. Ctrl-C saves behind the step under way')
    .argument('<config>', 'a YAML file, or the name of a shipped configuration')
    .option('--set <key=value>', 'another value, as in train.optimizer.lr=1e-4; repeatable', collect, [])
    .option('--out <folder>', "where everything goes; default: the configuration's output.folder, else runs/NAME")
    .option('--resume', "go on from the folder's newest checkpoint, if it has one")
  return addDeviceOptions(command).action(runTrain)
}

const collect = (value: string, list: readonly string[]): string[] => [...list, value]

async function runTrain(name: string, options: TrainArguments): Promise<void> {
  const config = await readConfig(name, { recipes, set: options.set })
  const folder = options.out ?? config.output.folder ?? join('runs', configName(config))
  const collective = await launchedCollective()
  try {
    await trainRank({ config, folder, collective }, options)
  } catch (error) {
    // Told here, since closing ends this process together with all others.
    if (collective.size > 1) console.error(`rank ${collective.rank}: ${error instanceof Error ? error.message : error}`)
    await collective.close({ failed: true })
    throw error
  }
  await collective.close()
}

async function trainRank(
  { config, folder, collective }: Rank,
  { resume = false, profile, adapter }: TrainArguments,
): Promise<void> {
  const { train: settings, recipe } = config
  using device = await openDevice({ profile, ...(adapter !== undefined && { adapter }) })
  const { seed, precision: dtype, checkpointing } = settings
  const task = await recipe.build(config.options, { device, seed, dtype, checkpointing })
  try {
    mkdirSync(folder, { recursive: true })
    const record = new TrainRecord(folder, config, device, { resumed: resume, processes: collective.size })
    const isFirst = collective.rank === 0
    if (isFirst) await record.write({ finished: false })
    const { curvesEverySeconds } = config.output
    const observers = isFirst
      ? [...logTo(folder, { title: configName(config), curvesEverySeconds }), new ProgressObserver()]
      : []
    const stop = stopOnSignal()
    const result = await train(task, { config, folder, resume, observers, stop, collective })
    if (isFirst) {
      await record.write({ finished: !result.stopped, ...result })
      console.log(summary(folder, result))
    }
    if (result.stopped) process.exitCode = interruptedCode
  } finally {
    task.dispose()
  }
}

function summary(folder: string, result: TrainingResult): string {
  const { step, stopped, best, samplesPerSecond, peakBytes } = result
  const bestText = best ? `; best at step ${best.step}: ${best.value.toPrecision(4)} (best.safetensors)` : ''
  const end = stopped ? `stopped at step ${step}; --resume goes on` : `${step} steps (model.safetensors)`
  const speed = samplesPerSecond === undefined ? '' : `${samplesPerSecond.toPrecision(3)} samples/s, `
  return `${folder}: ${end}${bestText}. ${speed}peak ${(peakBytes / 1e6).toPrecision(3)} MB. ${researchNotice}`
}

/** Aborts at the first Ctrl-C or termination; the next one ends the process at once. */
function stopOnSignal(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort())
  return controller.signal
}

/** The first scores are those that count; the rest is often one for each finding. */
const shownScores = 3

/** A line of progress, overwritten on a terminal. */
class ProgressObserver implements TrainingObserver {
  readonly #progress = new Progress(process.stderr)
  #firstStep = 0

  onBegin: NonNullable<TrainingObserver['onBegin']> = ({ step, totalSteps }) => {
    this.#firstStep = step
    if (step > 0) this.#progress.show(`goes on behind step ${step} of ${totalSteps}`)
  }

  onStep: NonNullable<TrainingObserver['onStep']> = (event) => {
    this.#progress.show(progressLine(event, this.#firstStep))
  }

  onEvaluation: NonNullable<TrainingObserver['onEvaluation']> = ({ step, split, scores, best }) => {
    const text = Object.entries(scores).map(([name, value]) => `${name} ${value.toPrecision(4)}`)
    const more = text.length > shownScores ? ` and ${text.length - shownScores} more (metrics.jsonl)` : ''
    this.#progress.clear()
    const shown = text.slice(0, shownScores).join(', ')
    process.stderr.write(`${split} at step ${step}: ${shown}${more}${best ? ', the best so far' : ''}\n`)
  }

  onEnd(): void {
    this.#progress.clear()
  }
}

/** `run.json`: what a run was told and with what it ran. */
class TrainRecord {
  readonly #path: string
  readonly #start: Readonly<Record<string, unknown>>

  constructor(
    folder: string,
    { recipe, path, train: settings, output, options }: TrainingConfig,
    device: Device,
    facts: { readonly resumed: boolean; readonly processes: number },
  ) {
    const { adapter, software } = device.capabilities
    this.#path = join(folder, 'run.json')
    this.#start = {
      ...{ notice: researchNotice, command: 'train', arguments: process.argv.slice(2), ...facts },
      configuration: { path, recipe: recipe.name, train: settings, output, ...(options as object) },
      package: packageIdentity(),
      device: { ...adapter, software, profile: device.profile },
      ...{ node: process.version, startedAt: new Date().toISOString() },
    }
  }

  async write(more: Readonly<Record<string, unknown>>): Promise<void> {
    await writeTextAtomically(this.#path, `${JSON.stringify({ ...this.#start, ...more }, undefined, 2)}\n`)
  }
}

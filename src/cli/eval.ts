/** `voxgrad eval` and `voxgrad probe`: how good the weights of a training run are on studies that were held out. */
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { writeTextAtomically } from '../data/index.js'
import { NotSupportedError } from '../engine/index.js'
import {
  configName,
  findWeights,
  type HeldOutSplit,
  loadTaskWeights,
  probeTask,
  readConfig,
  recipes,
  type TrainingTask,
} from '../train/index.js'
import { openDevice } from '../tuning/index.js'
import { addDeviceOptions, type DeviceArguments, researchNotice } from './options.js'
import { wholeNumber } from './read-options.js'

interface EvalArguments extends DeviceArguments {
  readonly set: readonly string[]
  readonly checkpoint?: string
  readonly untrained?: boolean
  readonly batchSize: number
  readonly workers?: number
  readonly out?: string
  readonly json?: boolean
}

type Scores = Readonly<Record<string, number>>

export function evalCommand(): Command {
  const command = common('eval', 'Evaluate the weights of a training run on its held-out data')
  return command
    .addOption(new Option('--split <name>', 'of the data').choices(['validation', 'test']).default('test'))
    .action((name: string, options: EvalArguments & { readonly split: HeldOutSplit }) =>
      evaluateRun(name, options, async (task, context) => {
        if (!task.evaluate) throw new NotSupportedError(`the recipe ${task.name} has no evaluation`)
        return await task.evaluate(options.split, context)
      }),
    )
}

export function probeCommand(): Command {
  const command = common('probe', "Train a linear probe on the frozen image tower of a training run's weights")
  return command
    .addOption(new Option('--steps <number>', 'of each learning rate').argParser(wholeNumber).default(2000))
    .addOption(new Option('--seed <number>', 'of the probe').argParser(wholeNumber).default(1))
    .action((name: string, options: EvalArguments & { readonly steps: number; readonly seed: number }) =>
      evaluateRun(name, options, async (task, context) => ({ ...(await probeTask(task, context, options)) })),
    )
}

function common(name: string, description: string): Command {
  const command = new Command(name)
    .description(`${description}. Research use only, not for diagnosis`)
    .argument('<config>', 'a YAML file, or the name of a shipped configuration')
    .option('--checkpoint <path>', "a weights file or a run's folder; default: where the configuration trains to")
    .option('--untrained', 'the random weights that training starts from, to compare with')
    .option(
      '--set <key=value>',
      'another value, as in data.test=100; repeatable',
      (one, all: string[]) => [...all, one],
      [],
    )
    .addOption(new Option('--batch-size <number>', 'scans at a time').argParser(wholeNumber).default(8))
    .addOption(new Option('--workers <number>', 'loader threads').argParser(wholeNumber))
    .option('--out <file>', 'also write the scores there, as JSON')
    .option('--json', 'print the scores as JSON')
  return addDeviceOptions(command)
}

interface RunContext {
  readonly step: number
  readonly batchSize: number
  readonly workers: number
}

async function evaluateRun(
  name: string,
  options: EvalArguments,
  score: (task: TrainingTask, context: RunContext) => Promise<Scores>,
): Promise<void> {
  const { set, profile, adapter, batchSize, untrained = false } = options
  const config = await readConfig(name, { recipes, set })
  const { seed, precision: dtype, workers = 1 } = config.train
  const folder = config.output.folder ?? join('runs', configName(config))
  const weights = untrained ? undefined : findWeights(options.checkpoint ?? folder)
  using device = await openDevice({ profile, ...(adapter !== undefined && { adapter }) })
  const task = await config.recipe.build(config.options, { device, seed, dtype, checkpointing: false })
  try {
    if (weights !== undefined) await loadTaskWeights(task, weights, dtype)
    const scores = await score(task, { step: 0, batchSize, workers: options.workers ?? workers })
    const record = { notice: researchNotice, recipe: config.recipe.name, weights: weights ?? 'untrained', scores }
    const text = `${JSON.stringify(record, undefined, 2)}\n`
    if (options.out !== undefined) await writeTextAtomically(options.out, text)
    if (options.json) console.log(text.trimEnd())
    else console.log(tableOf(scores, weights ?? 'untrained weights'))
  } finally {
    task.dispose()
  }
}

function tableOf(scores: Scores, weights: string): string {
  const width = Math.max(...Object.keys(scores).map((name) => name.length))
  const lines = Object.entries(scores).map(([name, value]) => `${name.padEnd(width)}  ${value.toFixed(4)}`)
  return [...lines, `${weights}. ${researchNotice}`].join('\n')
}

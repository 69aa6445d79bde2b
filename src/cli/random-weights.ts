/** `voxgrad random-weights`: a checkpoint to try everything out with. */
import { readFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { type ModelName, modelNames, parseConfig, writeRandomWeights } from '../inference/index.js'
import { colipriPublished, colipriTiny } from '../models/index.js'
import { wholeNumber } from './read-options.js'

interface RandomWeightsArguments {
  readonly model: ModelName
  readonly config: string
  readonly seed: number
}

export function randomWeightsCommand(): Command {
  return new Command('random-weights')
    .description('Write random weights, to try everything out without a download. Results mean nothing')
    .argument('<file>', 'the .safetensors file; it carries its configuration and a vocabulary')
    .addOption(new Option('--model <name>', 'the model').choices(modelNames).default('colipri'))
    .option('--config <what>', '"tiny" (3 MB), "published" (1 GB), or an architecture as JSON', 'tiny')
    .addOption(new Option('--seed <number>', 'seed of the weights').argParser(wholeNumber).default(1))
    .action(randomWeights)
}

async function randomWeights(path: string, { config: choice, seed }: RandomWeightsArguments): Promise<void> {
  const named = { tiny: colipriTiny, published: colipriPublished }
  const config = Object.hasOwn(named, choice)
    ? named[choice as keyof typeof named]
    : parseConfig(await readFile(choice, 'utf8'), choice)
  const { tensors, elements } = await writeRandomWeights(path, { config, seed })
  console.log(
    `${path}: ${tensors} tensors of ${elements.toLocaleString('en')} random numbers. Results with them mean nothing.`,
  )
}

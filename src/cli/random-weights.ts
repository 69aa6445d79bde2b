/** `voxgrad random-weights`: a checkpoint to try everything out with. */
import { readFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { type ModelName, modelNames, parseConfig, type RandomModel, writeRandomWeights } from '../inference/index.js'
import { colipriPublished, colipriTiny, fvlmPublished, fvlmTiny } from '../models/index.js'
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
    .option('--config <what>', '"tiny" (some MB), "published" (1 GB), or an architecture as JSON', 'tiny')
    .addOption(new Option('--seed <number>', 'seed of the weights').argParser(wholeNumber).default(1))
    .action(randomWeights)
}

const named = {
  colipri: { tiny: colipriTiny, published: colipriPublished },
  fvlm: { tiny: fvlmTiny, published: fvlmPublished },
} as const

async function randomWeights(path: string, { model, config: choice, seed }: RandomWeightsArguments): Promise<void> {
  const { tensors, elements } = await writeRandomWeights(path, { ...(await randomModel(model, choice)), seed })
  console.log(
    `${path}: ${tensors} tensors of ${elements.toLocaleString('en')} random numbers. Results with them mean nothing.`,
  )
}

async function randomModel(model: ModelName, choice: string): Promise<RandomModel> {
  const size = choice === 'tiny' || choice === 'published' ? choice : undefined
  const text = size === undefined ? await readFile(choice, 'utf8') : ''
  return model === 'fvlm'
    ? { model, config: size ? named.fvlm[size] : parseConfig(text, choice, model) }
    : { model, config: size ? named.colipri[size] : parseConfig(text, choice, model) }
}

/** Options of every command that runs a model, and how it is loaded. */
import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import {
  type ColipriModel,
  type FvlmModel,
  type FvlmScanOptions,
  type LoadModelProgress,
  loadModel,
  type ModelName,
  parseConfig,
  type TextPooling,
} from '../inference/index.js'
import { type ColipriRoute, colipriRoutes } from '../models/index.js'
import { addDeviceOptions, type DeviceArguments } from './options.js'
import type { Progress } from './progress.js'

export interface ModelArguments extends DeviceArguments {
  readonly model: ModelName
  readonly weights?: string
  readonly config?: string
  readonly vocabulary?: string
  readonly dtype: 'f32' | 'f16'
  readonly route: ColipriRoute
  readonly textPooling: TextPooling
}

/** @param models those that the command is for. */
export function addModelOptions(command: Command, models: readonly ModelName[] = ['colipri']): Command {
  command
    .addOption(new Option('--model <name>', 'the model').choices(models).default('colipri'))
    .option(
      '--weights <file>',
      'its weights (.safetensors, .pth, .npz, or a folder); default for colipri: model.safetensors of microsoft/colipri, from the Hugging Face Hub',
    )
    .option(
      '--config <file>',
      'its architecture as JSON, where the weights do not say it and it is not the published one',
    )
    .option(
      '--vocabulary <file>',
      "the text tower's vocab.txt or tokenizer.json; default: with the weights, else from the Hub",
    )
    .addOption(
      new Option('--dtype <type>', 'storage of parameters and activations').choices(['f32', 'f16']).default('f32'),
    )
    .addOption(
      new Option(
        '--route <route>',
        'standard: one crop at 2 mm; evaluation: eight windows at 1 mm, as the paper evaluates',
      )
        .choices(colipriRoutes)
        .default('standard'),
    )
    .addOption(
      new Option('--text-pooling <how>', 'masked leaves padding out; unmasked is what the first releases did')
        .choices(['masked', 'unmasked'])
        .default('masked'),
    )
  return addDeviceOptions(command)
}

/** Loads COLIPRI as the options describe it, and says on a terminal how far that is. */
export async function openModel(options: ModelArguments, progress: Progress, imageOnly = false): Promise<ColipriModel> {
  const { route, textPooling } = options
  const loaded = await loadModel('colipri', {
    ...commonOptions(options, progress),
    ...{ config: await readConfig(options, 'colipri'), textPooling, imageOnly, preprocessing: { route } },
  })
  progress.clear()
  return loaded
}

/** Likewise fVLM. */
export async function openFvlm(
  options: ModelArguments,
  progress: Progress,
  preprocessing: FvlmScanOptions,
): Promise<FvlmModel> {
  const config = await readConfig(options, 'fvlm')
  const loaded = await loadModel('fvlm', { ...commonOptions(options, progress), config, preprocessing })
  progress.clear()
  return loaded
}

function commonOptions({ weights, vocabulary, dtype, profile, adapter }: ModelArguments, progress: Progress) {
  return {
    ...{ weights, vocabulary, dtype },
    deviceOptions: { profile, ...(adapter !== undefined && { adapter }) },
    onProgress: (state: LoadModelProgress) => progress.showPassing(describeLoading(state)),
  }
}

async function readConfig<Name extends ModelName>({ config: path }: ModelArguments, model: Name) {
  return path === undefined ? undefined : parseConfig(await readFile(path, 'utf8'), path, model)
}

function describeLoading(state: LoadModelProgress): string {
  const [done, total] =
    state.stage === 'download' ? [state.loadedBytes, state.totalBytes] : [state.loadedElements, state.totalElements]
  const what = state.stage === 'download' ? `downloading ${state.file}` : 'loading weights'
  return `${what} ${Math.floor((100 * done) / Math.max(1, total))} %`
}

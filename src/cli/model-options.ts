/** Options of every command that runs a model, and how it is loaded. */
import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import {
  type ColipriModel,
  type LoadModelProgress,
  loadModel,
  type ModelName,
  modelNames,
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

export function addModelOptions(command: Command): Command {
  command
    .addOption(new Option('--model <name>', 'the model').choices(modelNames).default('colipri'))
    .option(
      '--weights <file>',
      'its weights (.safetensors, .pth, .npz, or a folder); default: model.safetensors of microsoft/colipri, from the Hugging Face Hub',
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

/** Loads the model that the options describe, and says on a terminal how far that is. */
export async function openModel(options: ModelArguments, progress: Progress, imageOnly = false): Promise<ColipriModel> {
  const { model, weights, vocabulary, dtype, route, textPooling, profile, adapter } = options
  const config = options.config ? parseConfig(await readFile(options.config, 'utf8'), options.config) : undefined
  const loaded = await loadModel(model, {
    ...{ weights, config, vocabulary, dtype, textPooling, imageOnly, preprocessing: { route } },
    deviceOptions: { profile, ...(adapter !== undefined && { adapter }) },
    onProgress: (state) => progress.showPassing(describeLoading(state)),
  })
  progress.clear()
  return loaded
}

function describeLoading(state: LoadModelProgress): string {
  const [done, total] =
    state.stage === 'download' ? [state.loadedBytes, state.totalBytes] : [state.loadedElements, state.totalElements]
  const what = state.stage === 'download' ? `downloading ${state.file}` : 'loading weights'
  return `${what} ${Math.floor((100 * done) / Math.max(1, total))} %`
}

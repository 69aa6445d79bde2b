/** From a name to a model that is ready. */
import { anatomyLabels, DataError, type HubProgress, openWeights, requireMapping } from '../data/index.js'
import { type Device, ValueError } from '../engine/index.js'
import {
  Colipri,
  type ColipriPreprocessingOptions,
  colipriPublished,
  Fvlm,
  fvlmPublished,
  type LoadProgress,
} from '../models/index.js'
import { openDevice, type TunedDeviceOptions } from '../tuning/index.js'
import { type ModelConfigs, readDescription } from './checkpoint.js'
import { ColipriModel } from './colipri/colipri-model.js'
import type { TextPooling } from './colipri/text-runner.js'
import { FvlmModel, type FvlmScanOptions } from './fvlm/fvlm-model.js'
import { fromHub, openTokenizer } from './model-files.js'
import { weightsPathOf } from './shipped.js'

/** The models there are, by name. */
export interface LoadableModels {
  colipri: ColipriModel
  fvlm: FvlmModel
}

export type ModelName = keyof LoadableModels

export const modelNames: readonly ModelName[] = ['colipri', 'fvlm']

export type LoadModelProgress =
  | ({ readonly stage: 'download' } & HubProgress)
  | ({ readonly stage: 'load' } & LoadProgress)

/** What every model can be loaded with. */
export interface CommonLoadOptions<Config> {
  /**
   * A file of weights, or a folder with one: safetensors, PyTorch, npz; or the name of one of the {@link shippedModels}.
   * Default: the published ones, from the Hugging Face Hub by way of its cache; fVLM's are not there and must be given.
   */
  readonly weights?: string | undefined
  /** Default: what the weights say of themselves, else the published architecture. */
  readonly config?: Config | undefined
  /** A `vocab.txt` or `tokenizer.json`. Default: the one of the weights or beside them, else CXR-BERT's from the Hub. */
  readonly vocabulary?: string | undefined
  /** Storage of parameters and activations; arithmetic is f32. Default f32; f16 needs an adapter that has it. */
  readonly dtype?: 'f32' | 'f16' | undefined
  /** A device to use, which stays the caller's. Default: the model opens one and destroys it with itself. */
  readonly device?: Device | undefined
  /** How to open one. */
  readonly deviceOptions?: TunedDeviceOptions | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: LoadModelProgress) => void) | undefined
}

interface ModelLoadOptions {
  colipri: CommonLoadOptions<ModelConfigs['colipri']> & {
    readonly preprocessing?: ColipriPreprocessingOptions | undefined
    /** Default `masked`. */
    readonly textPooling?: TextPooling | undefined
    /** Leave the text tower out. Default false. */
    readonly imageOnly?: boolean | undefined
  }
  fvlm: CommonLoadOptions<ModelConfigs['fvlm']> & {
    /** How scans and masks are read. */
    readonly preprocessing?: FvlmScanOptions | undefined
  }
}

export type LoadModelOptions<Name extends ModelName = 'colipri'> = ModelLoadOptions[Name]

type Loaders = { readonly [Name in ModelName]: (options: LoadModelOptions<Name>) => Promise<LoadableModels[Name]> }

const loaders: Loaders = { colipri: loadColipri, fvlm: loadFvlm }

/**
 * Loads a model: `await loadModel('colipri')`, or with `{ weights: 'model.safetensors' }`. Weights go to the device tensor
 * by tensor. Dispose of the model when done, or declare it with `using`.
 *
 * Throws a WeightsError that lists every missing, extra and misshapen tensor, a HubError for a download that fails, a
 * DataError for files that cannot be read, and NoAdapterError where nothing can compute.
 */
export async function loadModel<Name extends ModelName>(
  name: Name,
  options: LoadModelOptions<Name> = {},
): Promise<LoadableModels[Name]> {
  if (!modelNames.includes(name)) {
    throw new ValueError(`loadModel: there is no model '${name}'. There are ${modelNames.join(', ')}`)
  }
  return await loaders[name](options)
}

async function loadColipri(options: LoadModelOptions): Promise<ColipriModel> {
  const { dtype = 'f32', imageOnly = false, preprocessing = {}, textPooling = 'masked', signal, onProgress } = options
  const weightsPath =
    options.weights === undefined
      ? await fromHub({ repo: 'microsoft/colipri', file: 'model.safetensors' }, options)
      : weightsPathOf(options.weights)
  await using weights = await openWeights(weightsPath)
  const described = readDescription(weights.metadata, 'colipri', weightsPath)
  const config = options.config ?? described.config ?? colipriPublished
  const { model, ownDevice } = await onDevice(
    options,
    (device) => new Colipri(device, { config, dtype, imageOnly }),
    (made) => made.load(weights, { signal, onProgress: (progress) => onProgress?.({ stage: 'load', ...progress }) }),
  )
  const tokenizer = () => openTokenizer(weightsPath, described.vocabulary, options)
  const parts = { model, tokenizer, weightsPath, imageOnly, ownDevice, preprocessing, textPooling }
  return new ColipriModel({ ...parts, note: described.note })
}

async function loadFvlm(options: LoadModelOptions<'fvlm'>): Promise<FvlmModel> {
  const { dtype = 'f32', preprocessing = {}, signal, onProgress } = options
  if (options.weights === undefined) {
    throw new DataError('the weights of fVLM cannot be downloaded by themselves', {
      remedy:
        'Get model.pth by way of the page of its authors (alibaba-damo-academy/fvlm) and give its path as weights',
    })
  }
  const weightsPath = weightsPathOf(options.weights)
  await using weights = await openWeights(weightsPath)
  const described = readDescription(weights.metadata, 'fvlm', weightsPath)
  const config = options.config ?? described.config ?? fvlmPublished
  requireMapping(preprocessing.mapping ?? anatomyLabels, config.anatomies, 'label mapping')
  const { model, ownDevice } = await onDevice(
    options,
    (device) => new Fvlm(device, { config, dtype }),
    (made) => made.load(weights, { signal, onProgress: (progress) => onProgress?.({ stage: 'load', ...progress }) }),
  )
  const tokenizer = () => openTokenizer(weightsPath, described.vocabulary, options)
  return new FvlmModel({ model, tokenizer, weightsPath, ownDevice, preprocessing, note: described.note })
}

/** Makes a model and fills it, on the device that was given or one of its own; frees both where that fails. */
async function onDevice<Model extends { dispose(): void }>(
  { device: given, deviceOptions }: Pick<CommonLoadOptions<unknown>, 'device' | 'deviceOptions'>,
  make: (device: Device) => Model,
  fill: (model: Model) => Promise<unknown>,
): Promise<{ model: Model; ownDevice: Device | undefined }> {
  const device = given ?? (await openDevice(deviceOptions))
  const ownDevice = given ? undefined : device
  const model = make(device)
  try {
    await fill(model)
  } catch (error) {
    model.dispose()
    ownDevice?.destroy()
    throw error
  }
  return { model, ownDevice }
}

/** From a name to a model that is ready. */
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  downloadFromHub,
  HubError,
  type HubProgress,
  openWeights,
  readTokenizer,
  WordPieceTokenizer as Tokenizer,
  type WordPieceTokenizer,
} from '../data/index.js'
import { type Device, ValueError } from '../engine/index.js'
import {
  Colipri,
  type ColipriConfig,
  type ColipriPreprocessingOptions,
  colipriPublished,
  type LoadProgress,
} from '../models/index.js'
import { openDevice, type TunedDeviceOptions } from '../tuning/index.js'
import { readDescription } from './checkpoint.js'
import { ColipriModel } from './colipri/colipri-model.js'
import type { TextPooling } from './colipri/text-runner.js'

/** The models there are, by name. */
export interface LoadableModels {
  colipri: ColipriModel
}

export type ModelName = keyof LoadableModels

export const modelNames: readonly ModelName[] = ['colipri']

/** Where a model's files lie on the Hugging Face Hub. */
interface HubPlaces {
  readonly weights: { readonly repo: string; readonly file: string }
  /** CXR-BERT's vocabulary, which the model's own repository does not have. */
  readonly vocabulary: { readonly repo: string; readonly file: string }
}

const hubPlaces: HubPlaces = {
  weights: { repo: 'microsoft/colipri', file: 'model.safetensors' },
  vocabulary: { repo: 'microsoft/BiomedVLP-CXR-BERT-specialized', file: 'vocab.txt' },
}

export type LoadModelProgress =
  | ({ readonly stage: 'download' } & HubProgress)
  | ({ readonly stage: 'load' } & LoadProgress)

export interface LoadModelOptions {
  /**
   * A file of weights, or a folder with one: safetensors, PyTorch, npz. Default: the published ones, from the Hugging
   * Face Hub by way of its cache.
   */
  readonly weights?: string | undefined
  /** Default: what the weights say of themselves, else the published architecture. */
  readonly config?: ColipriConfig | undefined
  /** A `vocab.txt` or `tokenizer.json`. Default: the one of the weights or beside them, else CXR-BERT's from the Hub. */
  readonly vocabulary?: string | undefined
  /** Storage of parameters and activations; arithmetic is f32. Default f32; f16 needs an adapter that has it. */
  readonly dtype?: 'f32' | 'f16' | undefined
  readonly preprocessing?: ColipriPreprocessingOptions | undefined
  /** Default `masked`. */
  readonly textPooling?: TextPooling | undefined
  /** Leave the text tower out. Default false. */
  readonly imageOnly?: boolean | undefined
  /** A device to use, which stays the caller's. Default: the model opens one and destroys it with itself. */
  readonly device?: Device | undefined
  /** How to open one. */
  readonly deviceOptions?: TunedDeviceOptions | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: LoadModelProgress) => void) | undefined
}

/**
 * Loads a model: `await loadModel('colipri')`, or with `{ weights: 'model.safetensors' }`. Weights go to the device tensor
 * by tensor. Dispose of the model when done, or declare it with `using`.
 *
 * Throws a WeightsError that lists every missing, extra and misshapen tensor, a HubError for a download that fails, a
 * DataError for files that cannot be read, and NoAdapterError where nothing can compute.
 */
export async function loadModel<Name extends ModelName>(
  name: Name,
  options: LoadModelOptions = {},
): Promise<LoadableModels[Name]> {
  if (!modelNames.includes(name)) {
    throw new ValueError(`loadModel: there is no model '${name}'. There are ${modelNames.join(', ')}`)
  }
  return await loadColipri(options)
}

async function loadColipri(options: LoadModelOptions): Promise<ColipriModel> {
  const { dtype = 'f32', imageOnly = false, preprocessing = {}, textPooling = 'masked', signal, onProgress } = options
  const weightsPath = options.weights ?? (await fromHub(hubPlaces.weights, options))
  await using weights = await openWeights(weightsPath)
  const described = readDescription(weights.metadata, 'colipri', weightsPath)
  const device = options.device ?? (await openDevice(options.deviceOptions))
  const ownDevice = options.device ? undefined : device
  const config = options.config ?? described.config ?? colipriPublished
  const model = new Colipri(device, { config, dtype, imageOnly })
  try {
    await model.load(weights, { signal, onProgress: (progress) => onProgress?.({ stage: 'load', ...progress }) })
  } catch (error) {
    model.dispose()
    ownDevice?.destroy()
    throw error
  }
  const tokenizer = () => openTokenizer(weightsPath, described.vocabulary, options)
  const parts = { model, tokenizer, weightsPath, imageOnly, ownDevice, preprocessing, textPooling }
  return new ColipriModel({ ...parts, note: described.note })
}

/** The vocabulary that was asked for, that travels with the weights, that lies beside them, or CXR-BERT's own. */
async function openTokenizer(
  weightsPath: string,
  inWeights: string | undefined,
  options: LoadModelOptions,
): Promise<WordPieceTokenizer> {
  if (options.vocabulary !== undefined) return await readTokenizer(options.vocabulary)
  if (inWeights !== undefined) return Tokenizer.fromVocabulary(inWeights, { path: weightsPath })
  const folder = statSync(weightsPath).isDirectory() ? weightsPath : dirname(weightsPath)
  const beside = ['tokenizer.json', 'vocab.txt'].map((file) => join(folder, file)).find((path) => existsSync(path))
  return await readTokenizer(beside ?? (await vocabularyFromHub(weightsPath, options)))
}

async function vocabularyFromHub(weightsPath: string, options: LoadModelOptions): Promise<string> {
  try {
    return await fromHub(hubPlaces.vocabulary, options)
  } catch (cause) {
    if (!(cause instanceof HubError)) throw cause
    throw new HubError(cause.problem, 'texts need a vocabulary, which is neither in the weights nor beside them', {
      path: weightsPath,
      remedy: `Give the vocab.txt of ${hubPlaces.vocabulary.repo} (--vocabulary, or the option vocabulary). The hub did not: ${cause.message}`,
      cause,
    })
  }
}

/** The path of a file in the cache, downloaded if it is not there. */
async function fromHub(
  { repo, file }: HubPlaces['weights'],
  { signal, onProgress }: LoadModelOptions,
): Promise<string> {
  const { files } = await downloadFromHub({
    ...{ repo, files: [file] },
    onProgress: (progress) => onProgress?.({ stage: 'download', ...progress }),
    ...(signal && { signal }),
  })
  return files.get(file)!
}

import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { openBytes } from '../byte-source.js'
import { DataError } from '../errors.js'
import { fileError } from '../files.js'
import { readNpy } from '../numpy/npy.js'
import { NpzFile } from '../numpy/npz.js'
import { readRange } from '../ranges.js'
import { openSafetensors } from '../safetensors-file.js'
import { openTorchCheckpoint, type TorchCheckpoint } from '../torch/checkpoint.js'
import { TorchRecord } from '../torch/contents.js'
import type { UnknownClasses } from '../torch/globals.js'
import { ZipArchive } from '../zip/archive.js'
import { selectWeights } from './select.js'
import { openSharded } from './sharded.js'
import { type WeightSource, weightSource } from './source.js'

export interface OpenWeightsOptions {
  /** Only tensors whose names begin so, without it: `model.` for a training checkpoint whose weights are under `model`. */
  readonly prefix?: string
  /** For PyTorch checkpoints: see `openTorchCheckpoint`. */
  readonly unknownClasses?: UnknownClasses
}

/**
 * Opens weights of any format: safetensors, PyTorch checkpoints (`.pth`, `.pt`, `.bin`), `.npz`, `.npy`, the index of a
 * sharded model, or a folder with one of these. What a file is, its contents say. Throws a DataError for anything else,
 * and for a folder in which there is nothing or more than one thing to choose.
 */
export async function openWeights(path: string, options: OpenWeightsOptions = {}): Promise<WeightSource> {
  const { prefix, ...rest } = options
  const source = await openAny(path, rest)
  if (prefix === undefined) return source
  try {
    return selectWeights(source, { include: [`${prefix}*`], stripPrefix: prefix })
  } catch (error) {
    await source[Symbol.asyncDispose]()
    throw error
  }
}

type FileOptions = Omit<OpenWeightsOptions, 'prefix'>

async function openAny(path: string, options: FileOptions): Promise<WeightSource> {
  const found = await stat(path).catch((cause: unknown) => {
    throw fileError('read', path, cause)
  })
  const file = found.isDirectory() ? await chooseFile(path) : path
  const isIndex = (await firstBytes(file)).startsWith('{')
  return isIndex ? await openSharded(file, (shard) => openFile(shard, options)) : await openFile(file, options)
}

async function openFile(path: string, options: FileOptions): Promise<WeightSource> {
  const start = await firstBytes(path)
  if (start.startsWith('PK')) return await openZip(path, options)
  if (start.startsWith('\x93NUMPY')) return await openNpy(path)
  if (start.startsWith('\x80')) return torchSource(await openTorchCheckpoint(path, options))
  if (start[8] === '{') {
    const file = await openSafetensors(path)
    return weightSource(file, 'safetensors', { metadata: file.metadata })
  }
  const remedy =
    'Give a .safetensors, .pth, .pt, .bin, .npz or .npy file, an index .json, or a folder with one of these'
  throw new DataError('this is no file of weights', { path, remedy })
}

async function firstBytes(path: string): Promise<string> {
  await using source = await openBytes(path)
  return new TextDecoder('latin1').decode(await readRange(source, 0, Math.min(source.size, 16)))
}

async function openZip(path: string, options: FileOptions): Promise<WeightSource> {
  const source = await openBytes(path)
  try {
    const archive = await ZipArchive.open(source)
    const names = [...archive.entries.keys()]
    if (names.length > 0 && names.every((name) => name.endsWith('.npy'))) {
      return weightSource(await NpzFile.open(archive), 'npz')
    }
  } catch (error) {
    await source[Symbol.asyncDispose]()
    throw error
  }
  await source[Symbol.asyncDispose]()
  return torchSource(await openTorchCheckpoint(path, options))
}

async function openNpy(path: string): Promise<WeightSource> {
  const tensor = await readNpy(path)
  const name = basename(path).replace(/\.npy$/, '')
  const check = (asked: string) => {
    if (asked !== name) throw new DataError(`there is no tensor '${asked}', only '${name}'`, { path })
  }
  const file = {
    path,
    names: [name],
    header(asked: string) {
      check(asked)
      return { dtype: tensor.dtype, shape: [...tensor.shape] }
    },
    async read(asked: string) {
      check(asked)
      return tensor
    },
    async [Symbol.asyncDispose]() {},
  }
  return weightSource(file, 'npy')
}

function torchSource(checkpoint: TorchCheckpoint): WeightSource {
  const groups = new Map<string, string[]>()
  for (const [name, { storage }] of checkpoint.entries) {
    if (storage !== undefined) groups.set(storage, [...(groups.get(storage) ?? []), name])
  }
  return weightSource(checkpoint, 'torch', {
    sharing: [...groups.values()].filter((names) => names.length > 1),
    otherValues: outerKeys(checkpoint),
  })
}

function outerKeys({ metadata }: TorchCheckpoint): string[] {
  if (metadata instanceof TorchRecord) return [metadata.className]
  const plain = typeof metadata === 'object' && metadata !== null && !(metadata instanceof Uint8Array)
  return plain ? Object.keys(metadata) : []
}

/** What folders of models hold, in the order in which the first that is there is taken. */
const usualNames = [
  'model.safetensors.index.json',
  'model.safetensors',
  'pytorch_model.bin.index.json',
  'pytorch_model.bin',
]

async function chooseFile(folder: string): Promise<string> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw fileError('read', folder, cause)
  })
  const usual = usualNames.find((name) => names.includes(name))
  if (usual !== undefined) return join(folder, usual)
  const candidates = names.filter((name) => /\.(safetensors|pth|pt|bin|npz|npy|index\.json)$/.test(name)).sort()
  if (candidates.length === 1) return join(folder, candidates[0]!)
  const problem = candidates.length === 0 ? 'no weights' : `${candidates.length} files of weights`
  const remedy = candidates.length === 0 ? {} : { remedy: `Give one of ${candidates.slice(0, 6).join(', ')}` }
  throw new DataError(`the folder has ${problem}`, { path: folder, ...remedy })
}

import type { ByteSource } from '../byte-source.js'
import { DataError, NotSupportedDataError } from '../errors.js'
import { readPickle } from '../pickle/machine.js'
import { ZipArchive } from '../zip/archive.js'
import type { TorchContainer } from './container.js'
import { torchHost, type UnknownClasses } from './globals.js'
import { StorageRegistry } from './storages.js'

/** Longer pickles would not pass its budget of instructions either, if they are no strings. */
const MOST_PICKLE_BYTES = 64 * 2 ** 20

/**
 * The zip container, which PyTorch writes since 1.6: `NAME/data.pkl`, `NAME/data/KEY` for each storage, `NAME/byteorder`.
 * Throws a DataError for archives without these, and when a storage is missing or has another length than its tensors
 * were made for.
 */
export async function openZipContainer(source: ByteSource, unknownClasses: UnknownClasses): Promise<TorchContainer> {
  const { name: path } = source
  const archive = await ZipArchive.open(source)
  const folder = findFolder(archive, path)
  const storages = new StorageRegistry()
  const pickleName = `${folder}/data.pkl`
  if (archive.byteLength(pickleName) > MOST_PICKLE_BYTES) {
    throw new DataError(`its pickle is longer than ${MOST_PICKLE_BYTES} bytes`, { path })
  }
  const pickle = await archive.read(pickleName)
  const { value: root } = readPickle(pickle, 0, path, torchHost(storages, path, unknownClasses))
  for (const { key, bytes } of storages.storages.values()) {
    const name = `${folder}/data/${key}`
    if (!archive.entries.has(name)) throw new DataError(`storage '${key}' is missing`, { path })
    const length = archive.byteLength(name)
    if (length !== bytes)
      throw new DataError(`storage '${key}' has ${length} bytes, its tensors need ${bytes}`, { path })
  }
  return {
    root,
    readStorage: ({ key }, begin, length) => archive.readRange(`${folder}/data/${key}`, begin, length),
    bigEndian: await isBigEndian(archive, `${folder}/byteorder`, path),
  }
}

/** The one folder of the archive, which bears any name. */
function findFolder(archive: ZipArchive, path: string): string {
  const folders = [...archive.entries.keys()].flatMap((name) => /^([^/]+)\/data\.pkl$/.exec(name)?.[1] ?? [])
  if (folders.length !== 1) {
    const remedy =
      archive.entries.size > 0 ? `It holds ${[...archive.entries.keys()].slice(0, 4).join(', ')}` : 'It is empty'
    throw new DataError(`this zip archive is no PyTorch checkpoint: it has ${folders.length} data.pkl`, {
      path,
      remedy,
    })
  }
  const folder = folders[0]!
  if (archive.entries.has(`${folder}/constants.pkl`)) {
    const remedy = 'Load it in Python and save model.state_dict() with torch.save'
    throw new NotSupportedDataError('this is a TorchScript program, whose weights are mixed with code', {
      path,
      remedy,
    })
  }
  return folder
}

/** Writers before 2.1 did not say, and all wrote little-endian. */
async function isBigEndian(archive: ZipArchive, name: string, path: string): Promise<boolean> {
  if (!archive.entries.has(name)) return false
  const order = archive.byteLength(name) <= 8 ? new TextDecoder().decode(await archive.read(name)) : '(long)'
  if (order !== 'little' && order !== 'big') throw new DataError(`byte order '${order}' is not known`, { path })
  return order === 'big'
}

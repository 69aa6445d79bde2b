import type { ByteSource } from '../byte-source.js'
import { DataError, NotSupportedDataError } from '../errors.js'
import { PickleEndError, UnsafePickleError } from '../pickle/errors.js'
import { type PickleHost, type PickleResult, readPickle } from '../pickle/machine.js'
import type { PickleValue } from '../pickle/values.js'
import { readRange } from '../ranges.js'
import type { TorchContainer } from './container.js'
import { torchHost, type UnknownClasses } from './globals.js'
import { StorageRegistry } from './storages.js'
import type { TorchStorage } from './tensor.js'

/** The first pickle of a file of this kind. */
const MAGIC = 119547037146038801333356n
const PROTOCOL = 1001

/** What is read first; most pickles fit. */
const WINDOW_BYTES = 2 ** 20
const MOST_PICKLE_BYTES = 64 * 2 ** 20

/** Each storage is preceded by its number of elements. */
const COUNT_BYTES = 8

/**
 * The container before PyTorch 1.6, without zip: pickles one after the other (magic number, protocol, system, the object,
 * the keys of its storages), then the storages. Throws a DataError for anything else.
 */
export async function openLegacyContainer(source: ByteSource, unknownClasses: UnknownClasses): Promise<TorchContainer> {
  const { name: path } = source
  const storages = new StorageRegistry()
  const plain = plainHost(path)
  const pickles = new PickleSequence(source)
  if ((await pickles.next(plain)) !== MAGIC) {
    const remedy =
      'Only files that torch.save wrote are read; load it in Python and save its state dict with torch.save'
    throw new DataError('this is a pickle, but no PyTorch checkpoint', { path, remedy })
  }
  const protocol = await pickles.next(plain)
  if (protocol !== PROTOCOL) throw new DataError(`checkpoint protocol ${String(protocol)} is not known`, { path })
  const system = await pickles.next(plain)
  if (system instanceof Map && system.get('little_endian') === false) {
    throw new NotSupportedDataError('checkpoints of this kind from big-endian machines are not supported', { path })
  }
  const root = await pickles.next(torchHost(storages, path, unknownClasses))
  const positions = await findStorages(source, await pickles.next(plain), pickles.position, storages)
  return {
    root,
    readStorage: ({ key }, begin, length) => readRange(source, positions.get(key)! + begin, length),
    bigEndian: false,
  }
}

/** Reads pickles that follow each other; how long one is, only reading it tells. */
class PickleSequence {
  position = 0
  #window: Uint8Array = new Uint8Array()
  #windowStart = 0

  constructor(private readonly source: ByteSource) {}

  async next(host: PickleHost): Promise<PickleValue> {
    const { source } = this
    for (let bytes = WINDOW_BYTES; ; bytes *= 8) {
      const known = Math.min(bytes, source.size - this.position)
      if (this.position + known > this.#windowStart + this.#window.length) {
        this.#window = await readRange(source, this.position, known)
        this.#windowStart = this.position
      }
      try {
        const start = this.position - this.#windowStart
        const result: PickleResult = readPickle(this.#window, start, source.name, host)
        this.position = this.#windowStart + result.end
        return result.value
      } catch (error) {
        const more = error instanceof PickleEndError && known === bytes && bytes < MOST_PICKLE_BYTES
        if (!more) throw error
      }
    }
  }
}

/** For pickles that hold nothing but numbers and text. */
function plainHost(path: string): PickleHost {
  return {
    global(name) {
      throw new UnsafePickleError(name, path, 'This part of a checkpoint holds plain values only')
    },
    persistent() {
      throw new DataError('a storage is mentioned where none can be', { path })
    },
  }
}

/** Where the bytes of each storage begin. Every storage that is mentioned must be there, with the length it needs. */
async function findStorages(
  source: ByteSource,
  keys: PickleValue,
  start: number,
  { storages }: StorageRegistry,
): Promise<ReadonlyMap<string, number>> {
  const fail = (problem: string): never => {
    throw new DataError(problem, { path: source.name, remedy: 'The file is truncated or damaged' })
  }
  const list = Array.isArray(keys) ? keys.map(String) : fail('the storages are not listed')
  const positions = new Map<string, number>()
  let position = start
  for (const key of list) {
    const storage: TorchStorage = storages.get(key) ?? fail(`storage '${key}' belongs to no tensor`)
    const head = await readRange(source, position, COUNT_BYTES)
    const elements = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true)
    const itemBytes = storage.dtype?.itemBytes ?? 1
    if (elements * BigInt(itemBytes) !== BigInt(storage.bytes)) {
      fail(`storage '${key}' has ${elements} elements, its tensors need ${storage.bytes / itemBytes}`)
    }
    if (position + COUNT_BYTES + storage.bytes > source.size)
      fail(`storage '${key}' reaches beyond the end of the file`)
    if (positions.has(key)) fail(`storage '${key}' is listed twice`)
    positions.set(key, position + COUNT_BYTES)
    position += COUNT_BYTES + storage.bytes
  }
  if (position !== source.size) fail(`${source.size - position} bytes follow the last storage`)
  for (const key of storages.keys()) if (!positions.has(key)) fail(`storage '${key}' is missing`)
  return positions
}

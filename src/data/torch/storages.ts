import { PickleGlobal, PickleProblem, PickleTuple, type PickleValue } from '../pickle/values.js'
import type { TorchDtype } from './dtypes.js'
import { count, StorageReference, type TorchStorage } from './tensor.js'

/** `torch.FloatStorage` and its like, which a pickle mentions to tell the element type. */
export class StorageClass extends PickleGlobal {
  constructor(
    name: string,
    /** Undefined for plain bytes. */
    readonly dtype: TorchDtype | undefined,
  ) {
    super(name)
  }
}

/** The storages that a checkpoint mentions, by key. */
export class StorageRegistry {
  readonly storages = new Map<string, TorchStorage>()

  /**
   * What a persistent id stands for: `('storage', class, key, location, elements)`, in older files with a part of it as
   * sixth item, or `('module', class, source file, source)` for a class, whose source text is of no use here.
   */
  persistent(id: PickleValue): PickleValue {
    const items = id instanceof PickleTuple ? id.items : []
    if (items[0] === 'module' && items[1] instanceof PickleGlobal) return items[1]
    const [kind, type, key, , elements, part = null] = items
    const known = typeof key === 'string' || typeof key === 'number'
    if (kind !== 'storage' || !(type instanceof StorageClass) || !known) {
      throw new PickleProblem('a persistent id is no storage')
    }
    const length = count(elements, 'length of a storage')
    const storage = this.#register(String(key), type.dtype, length)
    if (part === null) return new StorageReference(storage, 0, length)
    const [, offset, size] = part instanceof PickleTuple ? part.items : []
    return new StorageReference(
      storage,
      count(offset, 'offset of a part of a storage'),
      count(size, 'length of a part of a storage'),
    )
  }

  #register(key: string, dtype: TorchDtype | undefined, elements: number): TorchStorage {
    const bytes = elements * (dtype?.itemBytes ?? 1)
    const known = this.storages.get(key)
    if (known && (known.dtype !== dtype || known.bytes !== bytes)) {
      throw new PickleProblem(`storage '${key}' is described in two ways`)
    }
    const storage = known ?? { key, dtype, bytes }
    this.storages.set(key, storage)
    return storage
  }
}

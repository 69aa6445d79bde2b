import { swapByteOrder } from '../byte-order.js'
import type { ByteSource } from '../byte-source.js'
import { DataError, NotSupportedDataError } from '../errors.js'
import { gather, isContiguous, spanOf } from '../gather.js'
import { type ByteInput, readRange, withSource } from '../ranges.js'
import { type SafetensorsHeader, type SafetensorsTensor, tensorArrayFromBytes } from '../safetensors-dtypes.js'
import { elementCount, shapeText } from '../shape.js'
import type { TorchContainer } from './container.js'
import { sortContents, type TorchValue } from './contents.js'
import type { UnknownClasses } from './globals.js'
import { openLegacyContainer } from './legacy-container.js'
import type { TorchStorage, TorchTensor } from './tensor.js'
import { openZipContainer } from './zip-container.js'

export interface OpenTorchOptions {
  /**
   * What to do with objects of classes other than the few that weights need (a whole module, a configuration): `refuse`
   * the file (default), or keep them as a `record` of plain data. Neither runs anything.
   */
  readonly unknownClasses?: UnknownClasses
}

/** A tensor of a checkpoint. */
export interface TorchEntry {
  readonly shape: readonly number[]
  /** As PyTorch calls it: `float32`. */
  readonly torchDtype: string
  /** Tensors of equal key share memory. */
  readonly storage: string | undefined
  /** Why its values cannot be read, if so: it is sparse, quantized, complex. */
  readonly unreadable: string | undefined
}

/** An expanded tensor may be larger than what it is made of; beyond this it is a bomb. */
const MOST_EXPANDED_BYTES = 64 * 2 ** 20

/**
 * An open PyTorch checkpoint. The values stay in the file: a read fetches one tensor, in C order whatever its strides.
 */
export class TorchCheckpoint {
  readonly names: readonly string[]
  readonly entries: ReadonlyMap<string, TorchEntry>
  /** What is no tensor: epochs, configurations. See {@link TorchValue}. */
  readonly metadata: TorchValue
  readonly #tensors: ReadonlyMap<string, TorchTensor>

  readonly #source: ByteSource
  readonly #container: TorchContainer

  /** Use `openTorchCheckpoint`. */
  constructor(source: ByteSource, container: TorchContainer) {
    this.#source = source
    this.#container = container
    const { tensors, metadata } = sortContents(container.root, source.name)
    for (const [name, tensor] of tensors) this.#check(name, tensor)
    this.#tensors = tensors
    this.metadata = metadata
    this.names = [...tensors.keys()]
    this.entries = new Map([...tensors].map(([name, tensor]) => [name, describe(tensor)]))
  }

  get path(): string {
    return this.#source.name
  }

  /** Throws a DataError for an unknown name, and for tensors that have no counterpart here (complex, sparse …). */
  header(name: string): SafetensorsHeader {
    const { tensor, dtype } = this.#readable(name)
    return { dtype, shape: [...tensor.shape] }
  }

  /** Reads one tensor. Throws as `header` does, and when the file is damaged. */
  async read(name: string): Promise<SafetensorsTensor> {
    const { tensor, storage, dtype } = this.#readable(name)
    const { itemBytes } = tensor.dtype
    const span = spanOf(tensor)
    // An empty tensor may begin anywhere, even beyond its storage.
    const bytes =
      span === 0
        ? new Uint8Array()
        : await this.#container.readStorage(storage, tensor.offset * itemBytes, span * itemBytes)
    const plain = isContiguous(tensor) ? bytes : gather(bytes, itemBytes, tensor)
    if (this.#container.bigEndian) swapByteOrder(plain, itemBytes)
    return { dtype, shape: [...tensor.shape], data: tensorArrayFromBytes(dtype, plain) }
  }

  /** Closes the file; reads that are under way finish first. */
  async close(): Promise<void> {
    await this.#source[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #readable(name: string) {
    const tensor = this.#tensors.get(name)
    if (!tensor) {
      const remedy = `The first are: ${this.names.slice(0, 5).join(', ')}`
      throw new DataError(`there is no tensor '${name}' among the ${this.names.length}`, { path: this.path, remedy })
    }
    const { values } = tensor
    const { dtype } = tensor.dtype
    const reason = unreadableReason(tensor)
    if (typeof values === 'string' || !dtype) {
      throw new NotSupportedDataError(`tensor '${name}' ${reason}, which is not supported`, {
        path: this.path,
        remedy: 'Leave it out, or save it from Python in another form',
      })
    }
    return { tensor, storage: values, dtype }
  }

  #check(name: string, tensor: TorchTensor): void {
    if (typeof tensor.values === 'string') return
    const storage: TorchStorage = tensor.values
    const { itemBytes } = tensor.dtype
    const count = elementCount(tensor.shape)
    const end = (tensor.offset + spanOf(tensor)) * itemBytes
    const fail = (problem: string): never => {
      throw new DataError(`tensor '${name}' of shape ${shapeText(tensor.shape)} ${problem}`, { path: this.path })
    }
    if (count > 0 && end > storage.bytes) fail(`reaches to byte ${end} of a storage of ${storage.bytes}`)
    const bytes = count * itemBytes
    if (bytes > storage.bytes && bytes > MOST_EXPANDED_BYTES) {
      fail(`would grow from a storage of ${storage.bytes} to ${bytes} bytes`)
    }
  }
}

function unreadableReason({ values, dtype }: TorchTensor): string | undefined {
  if (typeof values === 'string') return values
  return dtype.dtype ? undefined : `is ${dtype.name}`
}

function describe(tensor: TorchTensor): TorchEntry {
  return {
    shape: tensor.shape,
    torchDtype: tensor.dtype.name,
    storage: typeof tensor.values === 'string' ? undefined : tensor.values.key,
    unreadable: unreadableReason(tensor),
  }
}

/**
 * Opens a checkpoint that `torch.save` wrote (`.pth`, `.pt`, `.bin`), of the zip kind or the older one, and runs nothing
 * of it. Close it when done, or declare it with `await using`. Throws an `UnsafePickleError` that names whatever is not
 * on the list of names that weights need, and a DataError for every other fault.
 */
export async function openTorchCheckpoint(input: ByteInput, options: OpenTorchOptions = {}): Promise<TorchCheckpoint> {
  return await withSource(input, async (source) => {
    const { unknownClasses = 'refuse' } = options
    const open = await containerOf(source)
    return new TorchCheckpoint(source, await open(source, unknownClasses))
  })
}

/** Where a tar archive, the container of the first releases, says what it is. */
const TAR_MARK = 257

async function containerOf(source: ByteSource): Promise<typeof openZipContainer> {
  const start = await readRange(source, 0, Math.min(source.size, TAR_MARK + 5))
  const text = new TextDecoder('latin1').decode(start)
  if (text.startsWith('PK')) return openZipContainer
  if (text.startsWith('\x80')) return openLegacyContainer
  const { name: path } = source
  if (text.slice(TAR_MARK) === 'ustar') {
    const remedy = 'Load it in Python and save it again with torch.save'
    throw new NotSupportedDataError('this checkpoint of PyTorch 0.1 (a tar archive) is not supported', { path, remedy })
  }
  throw new DataError('this is no PyTorch checkpoint', { path, remedy: 'It begins with neither zip nor pickle' })
}

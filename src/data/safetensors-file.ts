import type { ByteSource } from './byte-source.js'
import { DataError } from './errors.js'
import { writeFileAtomically } from './files.js'
import { type ByteInput, readRange, withSource } from './ranges.js'
import {
  encodeSafetensors,
  LENGTH_BYTES,
  parseSafetensorsHeader,
  planSafetensors,
  type SafetensorsIndex,
  type SafetensorsInput,
  safetensorsEntry,
  safetensorsHeaderLength,
  tensorBytes,
} from './safetensors.js'
import { type SafetensorsHeader, type SafetensorsTensor, tensorArrayFromBytes } from './safetensors-dtypes.js'
import { shapeText } from './shape.js'

/** An open safetensors file. Only the header is in memory; each `read` fetches the bytes of one tensor. */
export class SafetensorsFile {
  readonly names: readonly string[]
  readonly metadata: Readonly<Record<string, string>>

  /** Use `openSafetensors`. */
  constructor(
    readonly path: string,
    private readonly source: ByteSource,
    private readonly index: SafetensorsIndex,
    private readonly dataStart: number,
  ) {
    this.names = [...index.entries.keys()]
    this.metadata = index.metadata
  }

  /** Throws a DataError for an unknown name. */
  header(name: string): SafetensorsHeader {
    const { dtype, shape } = safetensorsEntry(this.index, name, this.path)
    return { dtype, shape: [...shape] }
  }

  /** Length of a tensor in bytes. Throws a DataError for an unknown name. */
  byteLength(name: string): number {
    const { begin, end } = safetensorsEntry(this.index, name, this.path)
    return end - begin
  }

  /** Reads one tensor. Throws a DataError for an unknown name or when the file has shrunk. */
  async read(name: string): Promise<SafetensorsTensor> {
    const header = this.header(name)
    const bytes = new Uint8Array(this.byteLength(name))
    await this.readInto(name, bytes)
    return { ...header, data: tensorArrayFromBytes(header.dtype, bytes) }
  }

  /** Reads the raw bytes of one tensor into memory of the caller (a mapped GPU buffer, say) of exactly its length. */
  async readInto(name: string, target: Uint8Array): Promise<void> {
    const { begin, end } = safetensorsEntry(this.index, name, this.path)
    if (target.length !== end - begin) {
      throw new DataError(`tensor '${name}' has ${end - begin} bytes, the target ${target.length}`, { path: this.path })
    }
    await this.source.read(this.dataStart + begin, target)
  }

  /** Closes the file; reads that are under way finish first. */
  async close(): Promise<void> {
    await this.source[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/**
 * Opens a safetensors file and reads its header. Close it when done, or declare it with `await using`.
 * Throws a DataError for any violation of the format (see `parseSafetensorsHeader`).
 */
export async function openSafetensors(input: ByteInput): Promise<SafetensorsFile> {
  return await withSource(input, async (source) => {
    const { name: path } = source
    const start = await readRange(source, 0, Math.min(LENGTH_BYTES, source.size))
    const header = await readRange(source, LENGTH_BYTES, safetensorsHeaderLength(start, source.size, path))
    const dataStart = LENGTH_BYTES + header.length
    const index = parseSafetensorsHeader(header, source.size - dataStart, path)
    return new SafetensorsFile(path, source, index, dataStart)
  })
}

/**
 * Writes tensors (and optional metadata) in canonical order; the file appears under its name only when complete.
 * Throws a DataError for a tensor that contradicts itself and when the file cannot be written.
 */
export async function writeSafetensors(
  path: string,
  tensors: SafetensorsInput,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFileAtomically(path, encodeSafetensors(tensors, metadata))
}

/**
 * The same for tensors that are made or fetched one at a time: `read` is asked for each in the order of the file, so that
 * only one is in memory. Throws a DataError when a tensor is not what its header promised.
 */
export async function writeSafetensorsFrom(
  path: string,
  headers: ReadonlyMap<string, SafetensorsHeader>,
  read: (name: string) => Promise<SafetensorsTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { start, names } = planSafetensors(headers, metadata)
  async function* pieces() {
    yield start
    for (const name of names) {
      const tensor = await read(name)
      const { dtype, shape } = headers.get(name)!
      if (tensor.dtype !== dtype || shapeText(tensor.shape) !== shapeText(shape)) {
        const got = `${tensor.dtype} ${shapeText(tensor.shape)}`
        throw new DataError(`was announced as ${dtype} ${shapeText(shape)} and is ${got}`, { path: `tensor '${name}'` })
      }
      yield tensorBytes(name, tensor)
    }
  }
  await writeFileAtomically(path, pieces())
}

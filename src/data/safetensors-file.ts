import { type FileHandle, open } from 'node:fs/promises'
import { DataError } from './errors.js'
import { fileError, writeFileAtomically } from './files.js'
import {
  encodeSafetensors,
  LENGTH_BYTES,
  parseSafetensorsHeader,
  type SafetensorsIndex,
  type SafetensorsInput,
  safetensorsEntry,
  safetensorsHeaderLength,
} from './safetensors.js'
import { type SafetensorsHeader, type SafetensorsTensor, tensorArrayFromBytes } from './safetensors-dtypes.js'

/** Most file systems and libuv read less than 2 GiB at once. */
const MOST_BYTES_PER_READ = 2 ** 30

/** An open safetensors file. Only the header is in memory; each `read` fetches the bytes of one tensor. */
export class SafetensorsFile {
  readonly names: readonly string[]
  readonly metadata: Readonly<Record<string, string>>

  /** Use `openSafetensors`. */
  constructor(
    readonly path: string,
    private readonly file: FileHandle,
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
    await readFully(this.file, target, this.dataStart + begin, this.path)
  }

  /** Closes the file; reads that are under way finish first. */
  async close(): Promise<void> {
    await this.file.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/**
 * Opens a safetensors file and reads its header. Close it when done, or declare it with `await using`.
 * Throws a DataError for any violation of the format (see `parseSafetensorsHeader`).
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (cause) {
    throw fileError('read', path, cause)
  }
  try {
    const { size } = await file.stat()
    const start = new Uint8Array(Math.min(LENGTH_BYTES, size))
    await readFully(file, start, 0, path)
    const header = new Uint8Array(safetensorsHeaderLength(start, size, path))
    await readFully(file, header, LENGTH_BYTES, path)
    const dataStart = LENGTH_BYTES + header.length
    const index = parseSafetensorsHeader(header, size - dataStart, path)
    return new SafetensorsFile(path, file, index, dataStart)
  } catch (error) {
    await file.close()
    throw error
  }
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

async function readFully(file: FileHandle, target: Uint8Array, position: number, path: string): Promise<void> {
  let done = 0
  while (done < target.length) {
    const piece = target.subarray(done, done + MOST_BYTES_PER_READ)
    const { bytesRead } = await file.read(piece, 0, piece.length, position + done).catch((cause: unknown) => {
      throw fileError('read', path, cause)
    })
    if (bytesRead === 0) throw new DataError(`the file ends at byte ${position + done}`, { path })
    done += bytesRead
  }
}

import { type FileHandle, open } from 'node:fs/promises'
import { DataError } from './errors.js'
import { fileError } from './files.js'

/** Bytes that are read piece by piece: a file, or an array. */
export interface ByteSource {
  /** Path of the file, or the name that the caller gave to the array. */
  readonly name: string
  readonly size: number
  /** Fills `target` from byte `start` on. Throws a DataError when there are not enough bytes. */
  read(start: number, target: Uint8Array): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Bytes in memory, under the name of the file that they are. */
export interface NamedBytes {
  name: string
  bytes: Uint8Array
}

/** Systems refuse to read more than 2^31 - 1 bytes at once. */
const LARGEST_READ_BYTES = 2 ** 30

class FileSource implements ByteSource {
  constructor(
    readonly name: string,
    readonly size: number,
    private readonly handle: FileHandle,
  ) {}

  async read(start: number, target: Uint8Array): Promise<void> {
    for (let done = 0; done < target.length; ) {
      const length = Math.min(target.length - done, LARGEST_READ_BYTES)
      const { bytesRead } = await this.handle.read(target, done, length, start + done).catch((cause) => {
        throw fileError('read', this.name, cause)
      })
      if (bytesRead === 0) throw tooShort(this.name, start + target.length, start + done)
      done += bytesRead
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.handle.close()
  }
}

class MemorySource implements ByteSource {
  readonly name: string
  readonly size: number
  private readonly bytes: Uint8Array

  constructor({ name, bytes }: NamedBytes) {
    this.name = name
    this.size = bytes.length
    this.bytes = bytes
  }

  async read(start: number, target: Uint8Array): Promise<void> {
    if (start + target.length > this.size) throw tooShort(this.name, start + target.length, this.size)
    target.set(this.bytes.subarray(start, start + target.length))
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function tooShort(name: string, needed: number, size: number): DataError {
  return new DataError(`ends at byte ${size} where ${needed} are needed`, {
    path: name,
    remedy: 'The file is truncated or its header is wrong; fetch it again',
  })
}

/** Opens a regular file or an array for reading in pieces. Throws a DataError when the file system refuses. */
export async function openBytes(input: string | NamedBytes): Promise<ByteSource> {
  if (typeof input !== 'string') return new MemorySource(input)
  let handle: FileHandle | undefined
  try {
    handle = await open(input)
    const stats = await handle.stat()
    // A pipe has no size, and waits for ever.
    if (!stats.isFile()) throw new Error('it is not a regular file')
    return new FileSource(input, stats.size, handle)
  } catch (cause) {
    await handle?.close()
    throw fileError('read', input, cause)
  }
}

/** The first bytes, at most `length` of them. */
export async function readPrefix(source: ByteSource, length: number): Promise<Uint8Array> {
  const prefix = new Uint8Array(Math.min(length, source.size))
  await source.read(0, prefix)
  return prefix
}

/** The bytes from `start` to `end`, in pieces of at most `pieceBytes`. */
export async function* readPieces(
  source: ByteSource,
  start: number,
  end: number,
  pieceBytes = 2 ** 20,
): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; at += pieceBytes) {
    const piece = new Uint8Array(Math.min(pieceBytes, end - at))
    await source.read(at, piece)
    yield piece
  }
}

import { type ByteSource, type NamedBytes, openBytes } from './byte-source.js'
import { DataError } from './errors.js'

/** What readers of files accept: a path, bytes in memory, or a source that the reader then owns. */
export type ByteInput = string | NamedBytes | ByteSource

/** Opens an input, lets `build` make something that keeps it, and closes it when that fails. */
export async function withSource<T>(input: ByteInput, build: (source: ByteSource) => Promise<T>): Promise<T> {
  const source = typeof input !== 'string' && 'read' in input ? input : await openBytes(input)
  try {
    return await build(source)
  } catch (error) {
    await source[Symbol.asyncDispose]()
    throw error
  }
}

/** `length` bytes from a position, in memory of their own. Throws a DataError when the source ends before that. */
export async function readRange(source: ByteSource, position: number, length: number): Promise<Uint8Array> {
  // Checked before memory is taken: a damaged file may claim any length.
  if (position + length > source.size) {
    throw new DataError(`bytes ${position} to ${position + length} lie beyond the end at ${source.size}`, {
      path: source.name,
      remedy: 'The file is truncated or damaged; fetch or write it again',
    })
  }
  const bytes = allocate(length, source.name)
  await source.read(position, bytes)
  return bytes
}

/** New memory. Throws a DataError when there is not that much in one piece. */
export function allocate(length: number, name: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length)
  } catch (cause) {
    throw new DataError(`needs ${length} bytes of memory in one piece, more than there are`, { path: name, cause })
  }
}

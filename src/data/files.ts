import { randomUUID } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { DataError } from './errors.js'

/**
 * The same bytes as a plain Uint8Array: a Buffer's own `slice` does not copy, which is a trap for code that expects it.
 */
export function plainBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}

/** A whole file. Throws a DataError when the file system refuses. */
export async function readFileBytes(path: string): Promise<Uint8Array> {
  try {
    return plainBytes(await readFile(path))
  } catch (cause) {
    throw fileError('read', path, cause)
  }
}

/**
 * Writes a file under a temporary name beside the target and renames it, so that no reader ever sees half a file and a
 * failure leaves the old one untouched. Throws a DataError when the file system refuses.
 */
export async function writeFileAtomically(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    const file = await open(temporary, 'wx')
    try {
      for await (const chunk of chunks) await file.writeFile(chunk)
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (cause) {
    // The first failure is the one to report.
    await rm(temporary, { force: true }).catch(() => undefined)
    // What made the bytes names its own fault.
    throw cause instanceof DataError ? cause : fileError('write', path, cause)
  }
}

/** The DataError for a failed file operation. */
export function fileError(operation: 'read' | 'write', path: string, cause: unknown): DataError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new DataError(`cannot ${operation} the file: ${reason}`, { path, cause })
}

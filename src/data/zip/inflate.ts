import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createInflateRaw } from 'node:zlib'
import type { ByteSource } from '../byte-source.js'
import { DataError } from '../errors.js'
import { allocate, readRange } from '../ranges.js'

const PIECE_BYTES = 2 ** 20

export interface DeflatedData {
  readonly name: string
  readonly position: number
  readonly compressedBytes: number
  /** What it must inflate to, not a byte more or less. */
  readonly bytes: number
  /** More may follow, and is not looked at. */
  readonly startOnly: boolean
}

/** Ends a stream whose rest is of no interest. */
class Enough extends Error {}

/**
 * Inflates data piece by piece, so that only the result is in memory, and stops at the first byte too many. Throws a
 * DataError when the data are damaged or of another length.
 */
export async function inflateEntry(source: ByteSource, data: DeflatedData): Promise<Uint8Array> {
  const fail = (problem: string, cause?: unknown): never => {
    throw new DataError(`'${data.name}' ${problem}`, { path: source.name, cause })
  }
  const result = allocate(data.bytes, source.name)
  let filled = 0
  const inflater = createInflateRaw()
  try {
    await pipeline(Readable.from(pieces(source, data)), inflater, async (output: AsyncIterable<Uint8Array>) => {
      for await (const piece of output) {
        const rest = result.length - filled
        if (piece.length > rest && !data.startOnly) fail(`inflates to more than ${data.bytes} bytes`)
        result.set(piece.subarray(0, rest), filled)
        filled += Math.min(piece.length, rest)
        if (data.startOnly && filled === result.length) throw new Enough()
      }
    })
  } catch (cause) {
    if (cause instanceof Enough) return result
    if (cause instanceof DataError) throw cause
    fail(`cannot be inflated: ${cause instanceof Error ? cause.message : cause}`, cause)
  }
  if (filled < result.length) fail(`inflates to ${filled} bytes instead of ${data.bytes}`)
  if (inflater.bytesWritten !== data.compressedBytes) fail('has bytes after its compressed data')
  return result
}

async function* pieces(source: ByteSource, { position, compressedBytes }: DeflatedData): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < compressedBytes; done += PIECE_BYTES) {
    yield await readRange(source, position + done, Math.min(PIECE_BYTES, compressedBytes - done))
  }
}

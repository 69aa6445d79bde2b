import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createDeflate, createGzip } from 'node:zlib'
import { plainBytes } from './files.js'

/** nibabel's level too: the higher ones take several times as long and save a few per cent on noisy scans. */
const LEVEL = 1

const PIECE_BYTES = 2 ** 18

/** The chunks as one gzip member (or zlib stream), compressed beside the main thread. */
export async function* compressed(
  chunks: Iterable<Uint8Array>,
  format: 'gzip' | 'zlib' = 'gzip',
): AsyncGenerator<Uint8Array> {
  const create = format === 'gzip' ? createGzip : createDeflate
  const packer = create({ level: LEVEL, chunkSize: PIECE_BYTES })
  const feeding = pipeline(Readable.from(chunks), packer)
  // A failure surfaces in the loop below as well; unheard here it would end the process.
  feeding.catch(() => undefined)
  for await (const piece of packer) yield plainBytes(piece as Buffer)
  await feeding
}

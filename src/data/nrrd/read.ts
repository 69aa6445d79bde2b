import { type ByteSource, openBytes, readPieces } from '../byte-source.js'
import { detachedFile } from '../detached-file.js'
import { DataError } from '../errors.js'
import { readTextHeader } from '../text-header.js'
import type { LocatedHeader } from '../volume-file.js'
import type { WorldFrame } from '../world-frames.js'
import { type NrrdHeader, parseNrrdHeader } from './header.js'

/**
 * The header of an NRRD file (`.nrrd`, or `.nhdr` with its data file), without its voxels. `space` is the frame of
 * files that state none. Throws a DataError for any header that is not right.
 */
export async function locateNrrd(
  source: ByteSource,
  { inMemory, space }: { inMemory: boolean; space?: WorldFrame | undefined },
): Promise<LocatedHeader<NrrdHeader>> {
  const { lines, end } = await readTextHeader(source, (line) => line === '', false)
  const header = parseNrrdHeader(lines, source.name, space)
  const { dataFile, compressed, lineSkip, byteSkip } = header
  if (dataFile === undefined) {
    const start = await skipLines(source, end, lineSkip)
    return { header, stream: stream(start, compressed, byteSkip) }
  }
  const path = detachedFile(source.name, dataFile, inMemory)
  await using voxels = await openBytes(path)
  return { header, stream: { path, ...stream(await skipLines(voxels, 0, lineSkip), compressed, byteSkip) } }
}

/** Bytes are skipped in what has been unpacked. */
function stream(start: number, compressed: boolean, byteSkip: number) {
  return byteSkip < 0 ? { start: -1, compressed, skip: 0 } : { start, compressed, skip: byteSkip }
}

async function skipLines(source: ByteSource, start: number, lines: number): Promise<number> {
  let left = lines
  let at = start
  if (left === 0) return at
  for await (const piece of readPieces(source, start, source.size)) {
    for (let newline = piece.indexOf(0x0a); newline >= 0; newline = piece.indexOf(0x0a, newline + 1)) {
      if (--left === 0) return at + newline + 1
    }
    at += piece.length
  }
  throw new DataError(`the file has fewer than the ${lines} lines to be skipped`, { path: source.name })
}

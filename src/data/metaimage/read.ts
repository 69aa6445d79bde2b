import type { ByteSource } from '../byte-source.js'
import { detachedFile } from '../detached-file.js'
import { readTextHeader } from '../text-header.js'
import type { LocatedHeader } from '../volume-file.js'
import { isLastMetaImageLine, type MetaImageHeader, parseMetaImageHeader } from './header.js'

/**
 * The header of a MetaImage file (`.mha`, or `.mhd` with its data file), without its voxels. Throws a DataError for any
 * header that is not right.
 */
export async function locateMetaImage(
  source: ByteSource,
  { inMemory }: { inMemory: boolean },
): Promise<LocatedHeader<MetaImageHeader>> {
  const { lines, end } = await readTextHeader(source, isLastMetaImageLine, true)
  const header = parseMetaImageHeader(lines, source.name)
  const { dataFile, compressed, headerSize } = header
  const stream = (start: number) =>
    headerSize < 0 ? { start: -1, compressed, skip: 0 } : { start: start + headerSize, compressed, skip: 0 }
  if (dataFile === undefined) return { header, stream: stream(end) }
  return { header, stream: { path: detachedFile(source.name, dataFile, inMemory), ...stream(0) } }
}

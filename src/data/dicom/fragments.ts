import type { ByteSource } from '../byte-source.js'
import { DataError, NotSupportedDataError } from '../errors.js'
import type { DicomInstance } from './instance.js'

/** A piece of compressed pixels. */
export interface Fragment {
  /** Of its item, counted from the first fragment's as the offset table counts. */
  place: number
  /** Of its bytes in the file. */
  start: number
  length: number
}

const ITEM = 0xe000fffe
const END_OF_SEQUENCE = 0xe0ddfffe
const ITEM_HEADER_BYTES = 8

/**
 * Where the compressed bytes of each frame lie in a file: for every frame its pieces, in order (PS3.5 A.4). What follows
 * the last piece does not matter. Throws a DataError where the pieces do not follow each other inside the file, and a
 * NotSupportedDataError when they do not tell which frame they belong to.
 */
export async function locateFragments(source: ByteSource, instance: DicomInstance): Promise<Fragment[][]> {
  const path = source.name
  if (instance.pixels.length !== undefined) throw broken(path, 'its compressed pixels have a plain length')
  const [table, ...fragments] = await walkItems(source, instance.pixels.offset)
  const frames = instance.frames.length
  if (table === undefined || fragments.length < frames) {
    throw broken(path, `${fragments.length} pieces of compressed pixels for ${frames} frames`)
  }
  if (frames === 1) return [fragments]
  if (fragments.length === frames) return fragments.map((fragment) => [fragment])
  if (table.length !== frames * 4) {
    throw new NotSupportedDataError(
      `${fragments.length} compressed pieces do not tell which of ${frames} frames is whose`,
      {
        path,
        remedy: 'Decompress it with dcmdjpeg, dcmdjpls or dcmdrle of DCMTK',
      },
    )
  }
  const bytes = new Uint8Array(table.length)
  await source.read(table.start, bytes)
  const view = new DataView(bytes.buffer)
  const starts = Array.from({ length: frames }, (_, n) => view.getUint32(n * 4, true))
  return starts.map((start, n) => {
    const pieces = fragments.filter(
      ({ place }) => place >= start && place < (starts[n + 1] ?? Number.POSITIVE_INFINITY),
    )
    if (pieces[0]?.place !== start) throw broken(path, `no piece of compressed pixels begins where frame ${n} does`)
    return pieces
  })
}

/** The items from `offset` on: the offset table, then the pieces. */
async function walkItems(source: ByteSource, offset: number): Promise<Fragment[]> {
  const found: Fragment[] = []
  const header = new Uint8Array(ITEM_HEADER_BYTES)
  const view = new DataView(header.buffer)
  let first = 0
  for (let at = offset; ; ) {
    if (at + ITEM_HEADER_BYTES > source.size) throw broken(source.name, 'its compressed pixels do not end')
    await source.read(at, header)
    const tag = view.getUint32(0, true)
    if (tag === END_OF_SEQUENCE) return found
    const length = view.getUint32(4, true)
    if (tag !== ITEM || at + ITEM_HEADER_BYTES + length > source.size) {
      throw broken(source.name, `what is at byte ${at} is no piece of compressed pixels`)
    }
    if (found.length === 1) first = at
    found.push({ place: at - first, start: at + ITEM_HEADER_BYTES, length })
    at += ITEM_HEADER_BYTES + length
  }
}

function broken(path: string, problem: string): DataError {
  return new DataError(problem, { path, remedy: 'The file is truncated or damaged; fetch it again' })
}

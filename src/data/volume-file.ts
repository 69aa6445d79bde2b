import { type ByteSource, openBytes } from './byte-source.js'
import { DataError } from './errors.js'
import { checkExpansion, inflateAll, inflateInto, shortStream } from './inflate.js'
import { chooseVolume, decodeVolume, storedBytes, type VolumeHeader, volumeBytes } from './stored-voxels.js'
import type { Volume } from './volume.js'
import { allocateVoxels } from './voxels.js'

/** Where the stream with the voxels lies. */
export interface VoxelStream {
  /** The file that holds it, where that is not the file of the header. */
  path?: string
  /** Byte at which the stream begins: a gzip or zlib stream, or the plain bytes. Counted from the end when negative. */
  start: number
  compressed: boolean
  /** Bytes of the stream, unpacked, before the first voxel. */
  skip: number
}

/** The header of a file with its voxels not read yet. */
export interface LocatedHeader<Header extends VolumeHeader = VolumeHeader> {
  header: Header
  stream: VoxelStream
}

/**
 * Reads one volume into memory of its own: only its bytes of a plain file, and of a compressed one everything in pieces,
 * so that no more than the volume is ever held. Throws a DataError when the voxels are not all there.
 */
export async function readVoxels(
  source: ByteSource,
  { header, stream }: LocatedHeader,
  index: number | undefined,
): Promise<Volume> {
  const which = chooseVolume(header, index)
  if (stream.path === undefined) return await readFrom(source, { header, stream }, which)
  await using voxels = await openBytes(stream.path)
  return await readFrom(voxels, { header, stream }, which)
}

async function readFrom(source: ByteSource, { header, stream }: LocatedHeader, index: number): Promise<Volume> {
  const wanted = volumeBytes(header, index)
  const all = stream.skip + storedBytes(header)
  const start = stream.start < 0 ? source.size - all : stream.start
  if (stream.compressed) {
    checkExpansion(source.size - start, all, source.name)
    const range = { start, end: source.size }
    if (isWholeWanted(wanted.length, all, range.end - start)) {
      const first = stream.skip + wanted.start
      const unpacked = await inflateAll(source, range, all)
      if (unpacked.length < all) throw shortStream(source, unpacked.length, all)
      return decodeVolume(header, index, alignedPart(unpacked, first, wanted.length))
    }
    const target = allocateBytes(wanted.length)
    const skip = stream.skip + wanted.start
    await inflateInto(source, range, { skip, total: all, target })
    return decodeVolume(header, index, target)
  }
  if (start < 0 || start + all > source.size) throw missingVoxels(header, source, start + stream.skip)
  const target = allocateBytes(wanted.length)
  await source.read(start + stream.skip + wanted.start, target)
  return decodeVolume(header, index, target)
}

/** Up to this many bytes Node hands out in one piece of memory. */
const LARGEST_PIECE_BYTES = 2 ** 31

/** Whether to unpack in one go: when hardly anything else is in the stream, and both fit beside each other. */
function isWholeWanted(wanted: number, all: number, compressed: number): boolean {
  return all - wanted <= 4096 && compressed <= all && all < LARGEST_PIECE_BYTES
}

/** A part of some bytes where typed arrays of any element can begin: the same memory if possible. */
function alignedPart(bytes: Uint8Array, start: number, length: number): Uint8Array {
  const part = bytes.subarray(start, start + length)
  return part.byteOffset % 8 === 0 ? part : new Uint8Array(part)
}

export function allocateBytes(length: number): Uint8Array {
  return allocateVoxels('uint8', length) as Uint8Array
}

function missingVoxels(header: VolumeHeader, source: ByteSource, start: number): DataError {
  const { storedShape, storedDtype } = header.source
  return new DataError(
    `shape ${storedShape.join(' x ')} of ${storedDtype} needs ${storedBytes(header)} bytes from byte ` +
      `${start}, but only ${Math.max(0, source.size - Math.max(0, start))} are there`,
    { path: source.name, remedy: 'The file is truncated or its header is wrong; fetch it again' },
  )
}

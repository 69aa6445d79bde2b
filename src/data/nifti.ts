import { type ByteSource, openBytes, readPrefix } from './byte-source.js'
import { DataError } from './errors.js'
import { inflatePrefix, inflateWhole, isGzip } from './inflate.js'
import { LONGEST_HEADER_BYTES, type NiftiHeader, parseNiftiHeader } from './nifti-header.js'
import { chooseVolume, decodeVolume, storedBytes, volumeBytes } from './stored-voxels.js'
import type { NiftiSource, Volume } from './volume.js'
import { type LocatedHeader, readVoxels } from './volume-file.js'

export interface ReadNiftiOptions {
  /** Which volume of a file with several time points, from 0. Not needed when there is only one. */
  index?: number
}

/** A volume that remembers its NIfTI header. */
export interface NiftiVolume extends Volume {
  source: NiftiSource
}

/** Compressed bytes that certainly hold a whole header, also behind a gzip header with a long file name. */
const HEADER_PREFIX_BYTES = 16384

/**
 * Reads a NIfTI-1 or NIfTI-2 file: `.nii`, `.nii.gz`, or either file of a `.hdr`/`.img` pair, each gzipped or not
 * (recognised by content, not by name). Geometry is described at `parseNiftiHeader`, types and scaling at
 * `decodeVolume`. Decompression runs outside the main thread. Throws a DataError for any file that is not right.
 */
export async function readNifti(path: string, options: ReadNiftiOptions = {}): Promise<NiftiVolume> {
  await using source = await openBytes(niftiHeaderPath(path))
  const located = await locateNifti(source, path)
  return { ...(await readVoxels(source, located, options.index)), source: located.header.source }
}

/** The header of a file, without its voxels. `path` is the file that was asked for: of a pair, either one. */
export async function locateNifti(source: ByteSource, path: string = source.name): Promise<LocatedHeader<NiftiHeader>> {
  const prefix = await readPrefix(source, HEADER_PREFIX_BYTES)
  const compressed = isGzip(prefix)
  const header = peekHeader(prefix, source.name)
  header.source.path = path
  const pair = pairNames(path)
  if (pair === undefined) {
    refusePair(header, path)
    return { header, stream: { start: 0, compressed, skip: header.voxelOffset } }
  }
  if (!header.isPair) {
    throw new DataError('the header says that the voxels are in the same file, but it is named .hdr', {
      path: source.name,
      remedy: 'Rename it to .nii',
    })
  }
  await using image = await openBytes(pair.image)
  const compressedImage = isGzip(await readPrefix(image, 2))
  return { header, stream: { path: pair.image, start: 0, compressed: compressedImage, skip: header.voxelOffset } }
}

/** The file that holds the header: the .hdr file for the .img file of a pair, otherwise the file itself. */
export function niftiHeaderPath(path: string): string {
  return pairNames(path)?.header ?? path
}

/**
 * The same for the bytes of a `.nii` or `.nii.gz` file that are already in memory. `name` names them in messages. The
 * volume may share memory with `bytes`, which are not changed. Decompresses on the calling thread.
 */
export function parseNifti(bytes: Uint8Array, name: string, options: ReadNiftiOptions = {}): NiftiVolume {
  const header = peekHeader(bytes, name)
  refusePair(header, name)
  const index = chooseVolume(header, options.index)
  const { start, length } = volumeBytes(header, index)
  const first = header.voxelOffset + start
  const all = header.voxelOffset + storedBytes(header)
  const compressed = isGzip(bytes)
  const unpacked = compressed ? inflateWhole(bytes, all, name) : bytes
  if (unpacked.length < all) {
    throw new DataError(
      `shape ${header.source.storedShape.join(' x ')} of ${header.layout.dtype} needs ${storedBytes(header)} bytes ` +
        `from byte ${header.voxelOffset}, but only ${Math.max(0, unpacked.length - header.voxelOffset)} are there`,
      { path: name, remedy: 'The file is truncated or its header is wrong; fetch it again' },
    )
  }
  const voxels = unpacked.subarray(first, first + length)
  // Decoding may write to the bytes, and the caller's are not ours. Typed arrays start at multiples of their element.
  const { littleEndian, slope, intercept } = header.layout
  const shareable = compressed || (littleEndian && slope === 1 && intercept === 0)
  // The copying constructor, since Buffer.slice would share memory with the caller.
  const own = shareable && voxels.byteOffset % 8 === 0 ? voxels : new Uint8Array(voxels)
  return { ...decodeVolume(header, index, own), source: header.source }
}

function pairNames(path: string): { header: string; image: string } | undefined {
  const pair = /^(.*)\.(?:hdr|img)(\.gz)?$/i.exec(path)
  if (pair === null) return undefined
  const [, stem, suffix = ''] = pair
  return { header: `${stem}.hdr${suffix}`, image: `${stem}.img${suffix}` }
}

function refusePair(header: NiftiHeader, name: string): void {
  if (!header.isPair) return
  throw new DataError('this is the header of a .hdr/.img pair and holds no voxels', {
    path: name,
    remedy: 'Name the two files .hdr and .img and read either of them',
  })
}

/** The header at the beginning of plain or gzipped bytes: sizes are judged before anything large is allocated. */
function peekHeader(bytes: Uint8Array, name: string): NiftiHeader {
  const prefix = bytes.subarray(0, HEADER_PREFIX_BYTES)
  const start = isGzip(prefix) ? inflatePrefix(prefix, name) : prefix
  return parseNiftiHeader(start.subarray(0, LONGEST_HEADER_BYTES), name)
}

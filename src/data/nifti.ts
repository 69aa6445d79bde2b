import { constants as bufferConstants } from 'node:buffer'
import { promisify } from 'node:util'
import { constants, gunzip, gunzipSync } from 'node:zlib'
import { DataError } from './errors.js'
import { plainBytes, readFileBytes } from './files.js'
import { LONGEST_HEADER_BYTES, type NiftiHeader, parseNiftiHeader } from './nifti-header.js'
import { decodeNifti } from './nifti-voxels.js'
import type { Volume } from './volume.js'

export interface ReadNiftiOptions {
  /** Which volume of a file with several time points, from 0. Not needed when there is only one. */
  index?: number
}

/** Compressed bytes that certainly hold a whole header, also behind a gzip header with a long file name. */
const HEADER_PREFIX_BYTES = 16384

/** Deflate cannot expand a byte to more than this many (zlib's technical notes). */
const MOST_EXPANSION = 1032

/** What may follow the voxels of a compressed file before it counts as a decompression bomb. */
const MOST_TRAILING_BYTES = 2 ** 24

/** Chunks below this would make what follows the voxels slow to skip. */
const LEAST_CHUNK_BYTES = 2 ** 16

const gunzipInBackground = promisify(gunzip)

/**
 * Reads a NIfTI-1 or NIfTI-2 file: `.nii`, `.nii.gz`, or either file of a `.hdr`/`.img` pair, each gzipped or not
 * (recognised by content, not by name). Types, scaling and geometry are described at `decodeNifti` and
 * `parseNiftiHeader`. Decompression runs outside the main thread. Throws a DataError for any file that is not right.
 */
export async function readNifti(path: string, options: ReadNiftiOptions = {}): Promise<Volume> {
  const pair = /^(.*)\.(?:hdr|img)(\.gz)?$/i.exec(path)
  if (pair !== null) return readPair(path, pair[1]!, pair[2] ?? '', options)
  const compressed = await readFileBytes(path)
  const { header, bytes } = isGzip(compressed)
    ? await gunzipWhole(compressed, path)
    : { header: parseNiftiHeader(compressed, path), bytes: compressed }
  refusePair(header, path)
  return decodeNifti(header, bytes, path, options.index)
}

/**
 * The same for the bytes of a `.nii` or `.nii.gz` file that are already in memory. `name` names them in messages. The
 * volume may share memory with `bytes`. Decompresses on the calling thread.
 */
export function parseNifti(bytes: Uint8Array, name: string, options: ReadNiftiOptions = {}): Volume {
  if (!isGzip(bytes)) {
    const header = parseNiftiHeader(bytes, name)
    refusePair(header, name)
    return decodeNifti(header, bytes, name, options.index)
  }
  const header = peekHeader(bytes, name)
  refusePair(header, name)
  const plan = gunzipPlan(header, bytes, name)
  const unpacked = catchGzipErrors(() => gunzipSync(bytes, plan), name)
  return decodeNifti(header, unpacked, name, options.index)
}

async function readPair(path: string, stem: string, suffix: string, options: ReadNiftiOptions): Promise<Volume> {
  const [headerPath, imagePath] = [`${stem}.hdr${suffix}`, `${stem}.img${suffix}`]
  const headerBytes = await readFileBytes(headerPath)
  const header = isGzip(headerBytes) ? peekHeader(headerBytes, headerPath) : parseNiftiHeader(headerBytes, headerPath)
  if (!header.isPair) {
    throw new DataError('the header says that the voxels are in the same file, but it is named .hdr', {
      path: headerPath,
      remedy: 'Rename it to .nii',
    })
  }
  const image = await readFileBytes(imagePath)
  const bytes = isGzip(image) ? await gunzipPlanned(image, gunzipPlan(header, image, imagePath), imagePath) : image
  return decodeNifti(header, bytes, path, options.index)
}

function refusePair(header: NiftiHeader, name: string): void {
  if (!header.isPair) return
  throw new DataError('this is the header of a .hdr/.img pair and holds no voxels', {
    path: name,
    remedy: 'Name the two files .hdr and .img and read either of them',
  })
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

/** The header inside a gzip stream, from its beginning only: sizes are judged before anything large is allocated. */
function peekHeader(compressed: Uint8Array, name: string): NiftiHeader {
  const prefix = compressed.subarray(0, HEADER_PREFIX_BYTES)
  const start = catchGzipErrors(() => gunzipSync(prefix, { finishFlush: constants.Z_SYNC_FLUSH }), name)
  return parseNiftiHeader(start.subarray(0, LONGEST_HEADER_BYTES), name)
}

/** Buffer sizes for decompression. One chunk holds everything that is expected, so zlib never copies it. */
function gunzipPlan(header: NiftiHeader, compressed: Uint8Array, name: string) {
  const expected = header.voxelOffset + header.voxelBytes
  if (expected > compressed.length * MOST_EXPANSION) {
    throw new DataError(
      `shape ${header.shape.join(' x ')} needs ${expected} bytes, ` +
        `more than ${compressed.length} compressed bytes can hold`,
      { path: name, remedy: 'The file is truncated or its header is wrong; fetch it again' },
    )
  }
  if (expected >= bufferConstants.MAX_LENGTH) {
    throw new DataError(
      `shape ${header.shape.join(' x ')} needs ${expected} bytes, more than Node can hold in a buffer`,
      {
        path: name,
        remedy: 'Decompress the file and split it',
      },
    )
  }
  return {
    chunkSize: Math.max(expected + 1, LEAST_CHUNK_BYTES),
    maxOutputLength: Math.min(expected + MOST_TRAILING_BYTES, bufferConstants.MAX_LENGTH),
  }
}

async function gunzipWhole(compressed: Uint8Array, name: string): Promise<{ header: NiftiHeader; bytes: Uint8Array }> {
  const header = peekHeader(compressed, name)
  return { header, bytes: await gunzipPlanned(compressed, gunzipPlan(header, compressed, name), name) }
}

async function gunzipPlanned(
  compressed: Uint8Array,
  plan: ReturnType<typeof gunzipPlan>,
  name: string,
): Promise<Uint8Array> {
  try {
    return plainBytes(await gunzipInBackground(compressed, plan))
  } catch (cause) {
    throw gzipError(cause, name)
  }
}

function catchGzipErrors(unpack: () => Buffer, name: string): Uint8Array {
  try {
    return plainBytes(unpack())
  } catch (cause) {
    throw gzipError(cause, name)
  }
}

function gzipError(cause: unknown, name: string): DataError {
  return new DataError(`the gzip data are damaged: ${cause instanceof Error ? cause.message : cause}`, {
    path: name,
    remedy: 'The file is truncated or was changed on the way; fetch it again',
    cause,
  })
}

import { DataError, NotSupportedDataError } from '../errors.js'
import { writeFileAtomically } from '../files.js'
import { type ByteInput, withSource } from '../ranges.js'
import type { SafetensorsHeader, SafetensorsTensor } from '../safetensors-dtypes.js'
import { ZipArchive } from '../zip/archive.js'
import { zipPieces } from '../zip/writer.js'
import { decodeNpy, encodeNpy } from './npy.js'
import { encodeNpyHeader, MOST_NPY_HEADER_BYTES, type NpyHeader, parseNpyHeader } from './npy-header.js'

const SUFFIX = '.npy'

/** An open `.npz` archive. Only headers are in memory; each read fetches one array. */
export class NpzFile {
  readonly names: readonly string[]

  private constructor(
    private readonly archive: ZipArchive,
    /** By name; an error where the array has no counterpart here. */
    private readonly headers: ReadonlyMap<string, NpyHeader | DataError>,
  ) {
    this.names = [...headers.keys()]
  }

  /** Use `openNpz`. */
  static async open(archive: ZipArchive): Promise<NpzFile> {
    const headers = new Map<string, NpyHeader | DataError>()
    for (const entry of archive.entries.keys()) {
      if (!entry.endsWith(SUFFIX)) {
        throw new DataError(`'${entry}' is no array: this is no .npz file`, { path: archive.source.name })
      }
      headers.set(entry.slice(0, -SUFFIX.length), await readHeader(archive, entry))
    }
    return new NpzFile(archive, headers)
  }

  get path(): string {
    return this.archive.source.name
  }

  /** Throws a DataError for an unknown name, and for arrays that have no counterpart here (complex, text, objects). */
  header(name: string): SafetensorsHeader {
    const { dtype, shape } = this.#header(name)
    return { dtype, shape: [...shape] }
  }

  /** Reads one array, in C order. Throws as `header` does, and when the file is damaged. */
  async read(name: string): Promise<SafetensorsTensor> {
    const header = this.#header(name)
    const bytes = await this.archive.read(name + SUFFIX)
    return decodeNpy(header, bytes.subarray(header.dataStart))
  }

  async close(): Promise<void> {
    await this.archive.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #header(name: string): NpyHeader {
    const header = this.headers.get(name)
    if (header instanceof DataError) throw header
    if (header) return header
    const remedy = `The first are: ${this.names.slice(0, 5).join(', ')}`
    throw new DataError(`there is no array '${name}' among the ${this.names.length}`, { path: this.path, remedy })
  }
}

/** Arrays of another kind do not spoil those beside them. */
async function readHeader(archive: ZipArchive, entry: string): Promise<NpyHeader | DataError> {
  const length = archive.byteLength(entry)
  const start = await archive.readStart(entry, Math.min(length, MOST_NPY_HEADER_BYTES))
  try {
    return parseNpyHeader(start, length, `${archive.source.name}: ${entry}`)
  } catch (error) {
    if (error instanceof NotSupportedDataError) return error
    throw error
  }
}

/**
 * Opens a `.npz` archive, compressed or not. Close it when done, or declare it with `await using`. Throws a DataError when
 * it is damaged.
 */
export async function openNpz(input: ByteInput): Promise<NpzFile> {
  return await withSource(input, async (source) => await NpzFile.open(await ZipArchive.open(source)))
}

/**
 * Writes an uncompressed `.npz`, array by array in the order of the names, under a temporary name that is then replaced.
 * `read` is asked for one tensor after the other, so that only one is in memory. Throws a DataError for types that NumPy
 * does not have, before anything is written.
 */
export async function writeNpz(
  path: string,
  headers: ReadonlyMap<string, SafetensorsHeader>,
  read: (name: string) => Promise<SafetensorsTensor>,
): Promise<void> {
  for (const [name, header] of headers) encodeNpyHeader(header, `${path}: ${name}`)
  async function* entries() {
    for (const name of headers.keys()) {
      yield { name: name + SUFFIX, pieces: encodeNpy(await read(name), `${path}: ${name}`) }
    }
  }
  await writeFileAtomically(path, zipPieces(entries()))
}

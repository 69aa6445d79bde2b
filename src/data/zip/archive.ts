import { crc32 } from 'node:zlib'
import type { ByteSource } from '../byte-source.js'
import { DataError } from '../errors.js'
import { readRange } from '../ranges.js'
import { LOCAL_BYTES, readZipDirectory, viewOf, type ZipEntry } from './directory.js'
import { inflateEntry } from './inflate.js'

const LOCAL_SIGNATURE = 0x04034b50
const STORED = 0
const DEFLATED = 8

/** Deflate cannot do better than 1032 to 1; a claim beyond that is a lie. */
const MOST_DEFLATE_RATIO = 1032

/** What a deflated entry may grow to whatever its ratio; beyond it, a ratio of 200 looks like a bomb. */
const HARMLESS_BYTES = 128 * 2 ** 20
const SUSPICIOUS_RATIO = 200

/** A zip archive whose entries are read one at a time, stored ones also in part. */
export class ZipArchive {
  /** Data positions that have been looked up, for many reads of one entry. */
  readonly #dataPositions = new Map<string, number>()
  /** The last deflated entry that was read in part: views of one storage usually follow each other. */
  #inflated: { readonly name: string; readonly bytes: Promise<Uint8Array> } | undefined

  private constructor(
    readonly source: ByteSource,
    readonly entries: ReadonlyMap<string, ZipEntry>,
  ) {}

  /** Reads the directory. Throws a DataError for a file that is no sound zip archive. */
  static async open(source: ByteSource): Promise<ZipArchive> {
    return new ZipArchive(source, await readZipDirectory(source))
  }

  /** The length of an entry's contents. Throws a DataError for an unknown name and for claims that cannot be true. */
  byteLength(name: string): number {
    const { method, encrypted, bytes, compressedBytes } = this.#entry(name)
    if (encrypted) this.#fail(`'${name}' is encrypted, which is not supported`)
    if (method === STORED) {
      if (bytes !== compressedBytes) this.#fail(`'${name}' is stored, but has two lengths`)
    } else if (method === DEFLATED) {
      const ratio = bytes / Math.max(1, compressedBytes)
      if (ratio > MOST_DEFLATE_RATIO) this.#fail(`'${name}' claims ${bytes} bytes from ${compressedBytes}`)
      if (bytes > HARMLESS_BYTES && ratio > SUSPICIOUS_RATIO) {
        this.#fail(`'${name}' would grow from ${compressedBytes} to ${bytes} bytes, as zip bombs do`)
      }
    } else this.#fail(`'${name}' is compressed by method ${method}; only stored and deflated entries are supported`)
    return bytes
  }

  /** A whole entry. Throws a DataError when its checksum does not fit. */
  async read(name: string): Promise<Uint8Array> {
    const length = this.byteLength(name)
    const { method, crc32: expected } = this.#entry(name)
    const bytes =
      method === STORED
        ? await readRange(this.source, await this.#dataPosition(name), length)
        : await this.#inflate(name, length)
    // PyTorch writes 0 when told not to compute it.
    if (expected !== 0 && crc32(bytes) !== expected) this.#fail(`the checksum of '${name}' does not fit its contents`)
    return bytes
  }

  /** Part of an entry, in memory of its own. Only a read of all of it checks the checksum. */
  async readRange(name: string, begin: number, length: number): Promise<Uint8Array> {
    const total = this.byteLength(name)
    if (begin + length > total) this.#fail(`'${name}' has ${total} bytes, not ${begin + length}`)
    if (begin === 0 && length === total) return await this.read(name)
    if (this.#entry(name).method === STORED) {
      return await readRange(this.source, (await this.#dataPosition(name)) + begin, length)
    }
    if (this.#inflated?.name !== name) this.#inflated = { name, bytes: this.read(name) }
    return (await this.#inflated.bytes).slice(begin, begin + length)
  }

  /** The first bytes of an entry, without inflating the rest. */
  async readStart(name: string, length: number): Promise<Uint8Array> {
    const total = this.byteLength(name)
    if (this.#entry(name).method === STORED || length === total) return await this.readRange(name, 0, length)
    return await this.#inflate(name, Math.min(length, total), true)
  }

  async close(): Promise<void> {
    await this.source[Symbol.asyncDispose]()
  }

  async #inflate(name: string, length: number, startOnly = false): Promise<Uint8Array> {
    const position = await this.#dataPosition(name)
    const { compressedBytes } = this.#entry(name)
    return await inflateEntry(this.source, { name, position, compressedBytes, bytes: length, startOnly })
  }

  /** Where an entry's data begin, which only its local header tells. */
  async #dataPosition(name: string): Promise<number> {
    const known = this.#dataPositions.get(name)
    if (known !== undefined) return known
    const { position, compressedBytes, limit } = this.#entry(name)
    const nameBytes = new TextEncoder().encode(name)
    const header = await readRange(this.source, position, LOCAL_BYTES + nameBytes.length)
    const view = viewOf(header)
    const sameName =
      view.getUint32(0, true) === LOCAL_SIGNATURE &&
      view.getUint16(26, true) === nameBytes.length &&
      nameBytes.every((byte, n) => header[LOCAL_BYTES + n] === byte)
    if (!sameName) this.#fail(`the header of '${name}' is not where the directory says`)
    const data = position + LOCAL_BYTES + nameBytes.length + view.getUint16(28, true)
    if (data + compressedBytes > limit) this.#fail(`entry '${name}' overlaps what follows it`)
    this.#dataPositions.set(name, data)
    return data
  }

  #entry(name: string): ZipEntry {
    return this.entries.get(name) ?? this.#fail(`there is no entry '${name}'`)
  }

  #fail(problem: string): never {
    throw new DataError(problem, { path: this.source.name })
  }
}

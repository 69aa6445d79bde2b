/**
 * The table at the end of a zip archive (PKWARE's APPNOTE 6.3, sections 4.3 and 4.4), read strictly: what two readers
 * could understand differently is refused.
 */
import type { ByteSource } from '../byte-source.js'
import { DataError } from '../errors.js'
import { readRange } from '../ranges.js'

export interface ZipEntry {
  readonly name: string
  /** 0 is stored, 8 is deflated; others are refused when the entry is read. */
  readonly method: number
  readonly encrypted: boolean
  readonly crc32: number
  readonly compressedBytes: number
  readonly bytes: number
  /** Of its local header. */
  readonly position: number
  /** Where the next entry or the directory begins, which this entry cannot pass. */
  readonly limit: number
}

const END_SIGNATURE = 0x06054b50
const END_BYTES = 22
const END64_SIGNATURE = 0x06064b50
const END64_BYTES = 56
const LOCATOR_SIGNATURE = 0x07064b50
const LOCATOR_BYTES = 20
const ENTRY_SIGNATURE = 0x02014b50
const ENTRY_BYTES = 46
export const LOCAL_BYTES = 30
const MOST_COMMENT_BYTES = 0xffff
const ZIP64_EXTRA = 0x0001

/** Far beyond any checkpoint, and little enough to be parsed within a second. */
const MOST_ENTRIES = 200_000
const MOST_DIRECTORY_BYTES = 64 * 2 ** 20

interface Directory {
  readonly position: number
  readonly bytes: number
  readonly entries: number
  /** Where the records after the directory begin. */
  readonly end: number
}

type Fail = (problem: string) => never

/** The entries of an archive by name, in the order of the directory. Throws a DataError for any contradiction. */
export async function readZipDirectory(source: ByteSource): Promise<ReadonlyMap<string, ZipEntry>> {
  const fail: Fail = (problem) => {
    throw new DataError(problem, { path: source.name, remedy: 'The zip archive is damaged; fetch or write it again' })
  }
  const directory = await findDirectory(source, fail)
  if (directory.position + directory.bytes !== directory.end) fail('the directory does not end where its record says')
  if (directory.bytes > MOST_DIRECTORY_BYTES || directory.entries > MOST_ENTRIES) {
    fail(`a directory of ${directory.entries} entries and ${directory.bytes} bytes is beyond all sense`)
  }
  const table = await readRange(source, directory.position, directory.bytes)
  return withLimits(parseEntries(table, directory, fail), directory.position, fail)
}

async function findDirectory(source: ByteSource, fail: Fail): Promise<Directory> {
  const tailBytes = Math.min(source.size, END_BYTES + MOST_COMMENT_BYTES)
  const tailStart = source.size - tailBytes
  const tail = viewOf(await readRange(source, tailStart, tailBytes))
  let at = tailBytes - END_BYTES
  // The last record whose comment reaches exactly to the end.
  while (
    at >= 0 &&
    !(tail.getUint32(at, true) === END_SIGNATURE && at + END_BYTES + tail.getUint16(at + 20, true) === tailBytes)
  )
    at--
  if (at < 0) return fail('there is no zip directory at the end')
  const end = tailStart + at
  const disks = [tail.getUint16(at + 4, true), tail.getUint16(at + 6, true)]
  const entries = tail.getUint16(at + 10, true)
  const bytes = tail.getUint32(at + 12, true)
  const position = tail.getUint32(at + 16, true)
  const zip64 = at >= LOCATOR_BYTES && tail.getUint32(at - LOCATOR_BYTES, true) === LOCATOR_SIGNATURE
  if (zip64) return await readEnd64(source, end - LOCATOR_BYTES, fail)
  if (disks.some((disk) => disk !== 0)) fail('archives in several parts are not supported')
  if (tail.getUint16(at + 8, true) !== entries) fail('the directory counts its entries in two ways')
  return { position, bytes, entries, end }
}

/** The record for archives beyond 4 GiB or 65,535 entries, which some writers always add. */
async function readEnd64(source: ByteSource, locatorPosition: number, fail: Fail): Promise<Directory> {
  const locator = viewOf(await readRange(source, locatorPosition, LOCATOR_BYTES))
  const end = toNumber(locator.getBigUint64(8, true), fail)
  if (end + END64_BYTES > locatorPosition) fail('the zip64 record lies outside the archive')
  const record = viewOf(await readRange(source, end, END64_BYTES))
  if (record.getUint32(0, true) !== END64_SIGNATURE) fail('there is no zip64 record where one is announced')
  if (end + 12 + toNumber(record.getBigUint64(4, true), fail) !== locatorPosition)
    fail('the zip64 record has another length than it says')
  if (record.getUint32(16, true) !== 0 || record.getUint32(20, true) !== 0)
    fail('archives in several parts are not supported')
  const entries = toNumber(record.getBigUint64(32, true), fail)
  if (toNumber(record.getBigUint64(24, true), fail) !== entries) fail('the directory counts its entries in two ways')
  const bytes = toNumber(record.getBigUint64(40, true), fail)
  return { position: toNumber(record.getBigUint64(48, true), fail), bytes, entries, end }
}

function parseEntries(table: Uint8Array, { entries: count }: Directory, fail: Fail): ZipEntry[] {
  const view = viewOf(table)
  const entries: ZipEntry[] = []
  let at = 0
  while (at < table.length && entries.length < count) {
    if (at + ENTRY_BYTES > table.length || view.getUint32(at, true) !== ENTRY_SIGNATURE)
      fail(`entry ${entries.length} of the directory is damaged`)
    const nameBytes = view.getUint16(at + 28, true)
    const extraBytes = view.getUint16(at + 30, true)
    const next = at + ENTRY_BYTES + nameBytes + extraBytes + view.getUint16(at + 32, true)
    if (next > table.length) fail(`entry ${entries.length} reaches beyond the directory`)
    const nameStart = at + ENTRY_BYTES
    const name = decodeName(table.subarray(nameStart, nameStart + nameBytes), fail)
    const sizes = wideSizes(view, at, nameStart + nameBytes, extraBytes, () =>
      fail(`the sizes of '${name}' are damaged`),
    )
    entries.push({
      name,
      method: view.getUint16(at + 10, true),
      encrypted: (view.getUint16(at + 8, true) & 1) !== 0,
      crc32: view.getUint32(at + 16, true),
      ...sizes,
      limit: 0,
    })
    at = next
  }
  if (entries.length !== count || at !== table.length) fail(`the directory does not have ${count} entries`)
  return entries
}

/** The sizes and position of an entry; those that are all ones stand in a zip64 field, in this order. */
function wideSizes(view: DataView, at: number, extraStart: number, extraBytes: number, fail: () => never) {
  const narrow = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)]
  if (view.getUint16(at + 34, true) !== 0) fail()
  const end = extraStart + extraBytes
  let field = extraStart
  while (field + 4 <= end && view.getUint16(field, true) !== ZIP64_EXTRA) field += 4 + view.getUint16(field + 2, true)
  const fieldEnd = field + 4 <= end ? Math.min(end, field + 4 + view.getUint16(field + 2, true)) : field
  let cursor = field + 4
  const [bytes, compressedBytes, position] = narrow.map((value) => {
    if (value !== 0xffffffff) return value
    if (cursor + 8 > fieldEnd) return fail()
    cursor += 8
    return toNumber(view.getBigUint64(cursor - 8, true), fail)
  }) as [number, number, number]
  return { bytes, compressedBytes, position }
}

/** Checks that no two entries share bytes or a name, and tells each how far it may reach. */
function withLimits(entries: ZipEntry[], directoryPosition: number, fail: Fail): ReadonlyMap<string, ZipEntry> {
  const order = [...entries].sort((a, b) => b.position - a.position)
  const limits = new Map<ZipEntry, number>()
  let limit = directoryPosition
  for (const entry of order) {
    if (entry.position + LOCAL_BYTES + entry.compressedBytes > limit)
      fail(`entry '${entry.name}' overlaps what follows it`)
    limits.set(entry, limit)
    limit = entry.position
  }
  const named = new Map(entries.map((entry) => [entry.name, { ...entry, limit: limits.get(entry)! }]))
  if (named.size !== entries.length) fail('two entries have the same name')
  return named
}

/** Names are UTF-8, whether the archive says so or not: checkpoints and arrays are written so. */
function decodeName(bytes: Uint8Array, fail: Fail): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return fail('the name of an entry is not UTF-8')
  }
}

function toNumber(value: bigint, fail: Fail): number {
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : fail(`a size or position of ${value} bytes is impossible`)
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

import { crc32 } from 'node:zlib'

export interface ZipPart {
  readonly name: string
  readonly pieces: readonly Uint8Array[]
}

interface Written {
  readonly name: Uint8Array
  readonly bytes: number
  readonly crc32: number
  readonly position: number
}

/** Sizes and positions from here on need the fields of zip64. */
const WIDE = 0xffffffff
const MANY = 0xffff

/** Names are UTF-8. */
const UTF8_FLAG = 0x0800

/** 1 January 1980, always: the same contents give the same bytes. */
const DATE = (1 << 5) | 1

/** An archive of stored entries, piece by piece, so that a file of any size can be written as its parts are made. */
export async function* zipPieces(parts: AsyncIterable<ZipPart>): AsyncGenerator<Uint8Array> {
  const written: Written[] = []
  let position = 0
  for await (const part of parts) {
    const entry = {
      name: new TextEncoder().encode(part.name),
      bytes: part.pieces.reduce((sum, { length }) => sum + length, 0),
      crc32: part.pieces.reduce((sum, piece) => crc32(piece, sum), 0),
      position,
    }
    const header = localHeader(entry)
    yield header
    yield* part.pieces
    position += header.length + entry.bytes
    written.push(entry)
  }
  let directoryBytes = 0
  for (const entry of written) {
    const record = directoryRecord(entry)
    directoryBytes += record.length
    yield record
  }
  yield endRecords(written.length, directoryBytes, position)
}

type Field = readonly [bytes: 2 | 4 | 8, value: number]

function record(fields: readonly Field[], ...tail: readonly Uint8Array[]): Uint8Array {
  const head = new Uint8Array(fields.reduce((sum, [bytes]) => sum + bytes, 0))
  const view = new DataView(head.buffer)
  let at = 0
  for (const [bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, value, true)
    else if (bytes === 4) view.setUint32(at, value, true)
    else view.setBigUint64(at, BigInt(value), true)
    at += bytes
  }
  return new Uint8Array(Buffer.concat([head, ...tail]))
}

/** A field of the extra part, or nothing. */
function zip64(values: readonly number[]): Uint8Array {
  if (values.length === 0) return new Uint8Array()
  return record([[2, 1], [2, 8 * values.length], ...values.map((value): Field => [8, value])])
}

/** What a local header and the directory say alike. */
function shared({ crc32, bytes, name }: Written, extra: Uint8Array): Field[] {
  const size = Math.min(bytes, WIDE)
  return [
    [2, UTF8_FLAG],
    [2, 0],
    [2, 0],
    [2, DATE],
    [4, crc32],
    [4, size],
    [4, size],
    [2, name.length],
    [2, extra.length],
  ]
}

function localHeader(entry: Written): Uint8Array {
  const extra = zip64(entry.bytes >= WIDE ? [entry.bytes, entry.bytes] : [])
  return record([[4, 0x04034b50], [2, versionFor(extra)], ...shared(entry, extra)], entry.name, extra)
}

function directoryRecord(entry: Written): Uint8Array {
  const { bytes, position } = entry
  const extra = zip64([...(bytes >= WIDE ? [bytes, bytes] : []), ...(position >= WIDE ? [position] : [])])
  const version = versionFor(extra)
  const start: Field[] = [
    [4, 0x02014b50],
    [2, version],
    [2, version],
  ]
  const end: Field[] = [
    [2, 0],
    [2, 0],
    [2, 0],
    [4, 0],
    [4, Math.min(position, WIDE)],
  ]
  return record([...start, ...shared(entry, extra), ...end], entry.name, extra)
}

/** The version of the format that a reader must know. */
const versionFor = (extra: Uint8Array): number => (extra.length > 0 ? 45 : 20)

function endRecords(entries: number, bytes: number, position: number): Uint8Array {
  const wide = entries >= MANY || bytes >= WIDE || position >= WIDE
  const wideRecord: Field[] = [
    [4, 0x06064b50],
    [8, 44],
    [2, 45],
    [2, 45],
    [4, 0],
    [4, 0],
    [8, entries],
    [8, entries],
    [8, bytes],
    [8, position],
  ]
  const locator: Field[] = [
    [4, 0x07064b50],
    [4, 0],
    [8, position + bytes],
    [4, 1],
  ]
  const count = Math.min(entries, MANY)
  const end: Field[] = [
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, count],
    [2, count],
    [4, Math.min(bytes, WIDE)],
    [4, Math.min(position, WIDE)],
    [2, 0],
  ]
  return record([...(wide ? [...wideRecord, ...locator] : []), ...end])
}

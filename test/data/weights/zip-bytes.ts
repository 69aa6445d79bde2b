/** Zip archives byte by byte, sound or with any field wrong. */
import { crc32, deflateRawSync } from 'node:zlib'
import { joined } from './fixtures.js'

export interface ZipPart {
  readonly name: string
  readonly data: Uint8Array | string
  readonly deflate?: boolean
  /** Fields of the directory that are not as they should be. */
  readonly method?: number
  readonly flags?: number
  readonly crc32?: number
  readonly bytes?: number
  readonly compressedBytes?: number
  readonly position?: number
  readonly localName?: string
}

function little(...fields: (readonly [bytes: 2 | 4, value: number])[]): Buffer {
  const buffer = Buffer.alloc(fields.reduce((sum, [bytes]) => sum + bytes, 0))
  let at = 0
  for (const [bytes, value] of fields) at = buffer.writeUIntLE(value % 2 ** (8 * bytes), at, bytes)
  return buffer
}

export function zipBytes(parts: readonly ZipPart[], end: { readonly entries?: number } = {}): Uint8Array {
  const locals: Uint8Array[] = []
  const table: Uint8Array[] = []
  let position = 0
  for (const part of parts) {
    const data = Buffer.from(part.data as string)
    const stored = part.deflate ? deflateRawSync(data) : data
    const method = part.method ?? (part.deflate ? 8 : 0)
    const sum = part.crc32 ?? crc32(data)
    const localName = part.localName ?? part.name
    const sizes = [
      [4, part.compressedBytes ?? stored.length],
      [4, part.bytes ?? data.length],
    ] as const
    const shared = [[2, part.flags ?? 0], [2, method], [4, 0], [4, sum], ...sizes] as const
    const local = joined(
      little([4, 0x04034b50], [2, 20], ...shared, [2, Buffer.byteLength(localName)], [2, 0]),
      localName,
      stored,
    )
    const nameBytes = Buffer.byteLength(part.name)
    const rest = [
      [2, nameBytes],
      [2, 0],
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, part.position ?? position],
    ] as const
    table.push(joined(little([4, 0x02014b50], [2, 20], [2, 20], ...shared, ...rest), part.name))
    locals.push(local)
    position += local.length
  }
  const directory = joined(...table)
  const count = end.entries ?? parts.length
  const record = little([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, directory.length], [4, position])
  return joined(...locals, directory, record, [0, 0])
}

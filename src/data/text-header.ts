import type { ByteSource } from './byte-source.js'
import { DataError } from './errors.js'

/** Past any header; a binary file whose name says otherwise ends the search here. */
const LONGEST_HEADER_BYTES = 2 ** 20
const FIRST_READ_BYTES = 2 ** 14

export interface TextHeader {
  lines: string[]
  /** The byte after the last line. */
  end: number
}

/**
 * The lines of a text header up to and including the first for which `isLast` holds, without their ends (LF or CRLF).
 * At the end of the file the header ends too, unless `mustEnd`. Throws a DataError when there is no end.
 */
export async function readTextHeader(
  source: ByteSource,
  isLast: (line: string) => boolean,
  mustEnd: boolean,
): Promise<TextHeader> {
  for (let length = FIRST_READ_BYTES; ; length *= 8) {
    const bytes = new Uint8Array(Math.min(length, source.size, LONGEST_HEADER_BYTES))
    await source.read(0, bytes)
    const header = findEnd(bytes, isLast)
    if (header !== undefined) return header
    if (bytes.length === source.size && !mustEnd) return { lines: splitLines(bytes), end: source.size }
    if (bytes.length < length) {
      throw new DataError(`the header does not end within ${bytes.length} bytes`, {
        path: source.name,
        remedy: 'The file is truncated or damaged; fetch it again',
      })
    }
  }
}

const text = (bytes: Uint8Array) => new TextDecoder('utf-8').decode(bytes).replace(/\r$/, '')

function findEnd(bytes: Uint8Array, isLast: (line: string) => boolean): TextHeader | undefined {
  const lines: string[] = []
  for (let start = 0; ; ) {
    const end = bytes.indexOf(0x0a, start)
    if (end < 0) return undefined
    const line = text(bytes.subarray(start, end))
    lines.push(line)
    start = end + 1
    if (isLast(line)) return { lines, end: start }
  }
}

function splitLines(bytes: Uint8Array): string[] {
  return new TextDecoder('utf-8').decode(bytes).split(/\r?\n/)
}

/** A number that makes up the whole text. Throws a DataError for anything else, by `field`. */
export function parseNumber(word: string, field: string, path: string): number {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word) ? Number(word) : Number.NaN
  if (Number.isFinite(value)) return value
  throw new DataError(`${field} holds '${word.slice(0, 40)}', which is no number`, { path })
}

/** The numbers of a list separated by blanks. */
export function parseNumbers(list: string, field: string, path: string): number[] {
  return list
    .trim()
    .split(/\s+/)
    .map((word) => parseNumber(word, field, path))
}

/** Lengths of axes: whole numbers from 1, whose product is one too. */
export function parseSizes(list: string, field: string, path: string): number[] {
  const sizes = parseNumbers(list, field, path)
  if (sizes.some((size) => !Number.isSafeInteger(size) || size < 1)) {
    throw new DataError(`${field} is ${sizes.join(' ')}, which are not lengths of axes`, { path })
  }
  // Eight bytes is the widest voxel.
  if (!Number.isSafeInteger(8 * sizes.reduce((product, size) => product * size, 1))) {
    throw new DataError(`a shape of ${sizes.join(' x ')} is beyond any file`, { path })
  }
  return sizes
}

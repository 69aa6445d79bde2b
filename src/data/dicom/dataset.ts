import { inflateRawSync } from 'node:zlib'
import dicomParser, { type DataSet } from 'dicom-parser'
import type { ByteSource } from '../byte-source.js'
import { DataError } from '../errors.js'

export type { DataSet, Element } from 'dicom-parser'

/** Most headers end within this; longer ones are read in growing pieces. */
const FIRST_READ_BYTES = 2 ** 16

/** A header without pixels: more is a damaged file, and would take long to parse. */
const LONGEST_HEADER_BYTES = 2 ** 26

const PIXEL_DATA = 'x7fe00010'

/**
 * The data elements of a file up to its pixels, which are not read. Throws a DataError for a file that cannot be
 * parsed.
 */
export async function readDataSet(source: ByteSource): Promise<DataSet> {
  for (let length = FIRST_READ_BYTES; ; length *= 8) {
    const bytes = new Uint8Array(Math.min(length, source.size, LONGEST_HEADER_BYTES))
    await source.read(0, bytes)
    const whole = bytes.length === source.size
    try {
      const dataSet = dicomParser.parseDicom(bytes, { untilTag: PIXEL_DATA, inflater: inflateAfter })
      // A file without pixels that was cut at the end of an element looks complete.
      if (whole || dataSet.elements[PIXEL_DATA] !== undefined) return dataSet
    } catch (cause) {
      if (whole || bytes.length === LONGEST_HEADER_BYTES) throw damaged(source.name, cause)
    }
    if (bytes.length === LONGEST_HEADER_BYTES) throw damaged(source.name, 'its header does not end')
  }
}

/** The error for whatever the parser throws: strings and objects of its own, also when elements are looked at later. */
export function damaged(path: string, cause: unknown): DataError {
  if (cause instanceof DataError) return cause
  const parserError = (cause as { exception?: unknown } | undefined)?.exception ?? cause
  const reason = parserError instanceof Error ? parserError.message : String(parserError)
  return new DataError(`is damaged DICOM: ${reason.slice(0, 200)}`, {
    path,
    remedy: 'The file is truncated or was changed on the way; fetch it again',
    cause,
  })
}

/** Deflated transfer syntax: everything after the meta header is one raw deflate stream. */
function inflateAfter(bytes: Uint8Array, position: number): Uint8Array {
  const rest = inflateRawSync(bytes.subarray(position), { maxOutputLength: LONGEST_HEADER_BYTES })
  const whole = new Uint8Array(position + rest.length)
  whole.set(bytes.subarray(0, position))
  whole.set(rest, position)
  return whole
}

/**
 * The bytes of a file of the deflated transfer syntax as the places of its elements count them: the meta header, then
 * the rest unpacked. Throws a DataError for a file that cannot be unpacked.
 */
export async function readInflated(source: ByteSource): Promise<Uint8Array> {
  const bytes = new Uint8Array(source.size)
  await source.read(0, bytes)
  let whole = bytes
  try {
    const inflater = (packed: Uint8Array, position: number) => {
      whole = inflateAfter(packed, position) as Uint8Array<ArrayBuffer>
      return whole
    }
    dicomParser.parseDicom(bytes, { untilTag: PIXEL_DATA, inflater })
  } catch (cause) {
    throw damaged(source.name, cause)
  }
  return whole
}

/** A text element without padding; empty when it is missing. */
export function text(dataSet: DataSet, tag: string): string {
  return (dataSet.string(tag) ?? '').replaceAll('\0', '').trim()
}

/** The numbers of a decimal-string element; undefined when it is missing. Throws a DataError when one is no number. */
export function decimals(dataSet: DataSet, tag: string, path: string): number[] | undefined {
  const value = text(dataSet, tag)
  if (value === '') return undefined
  const numbers = value.split('\\').map((word) => (word.trim() === '' ? Number.NaN : Number(word)))
  if (numbers.every(Number.isFinite)) return numbers
  throw new DataError(`element ${tag.slice(1)} holds '${value.slice(0, 60)}', which are no numbers`, { path })
}

/** The data sets of a sequence's items. */
export function items(dataSet: DataSet | undefined, tag: string): DataSet[] {
  return (dataSet?.elements[tag]?.items ?? []).flatMap((item) => (item.dataSet === undefined ? [] : [item.dataSet]))
}

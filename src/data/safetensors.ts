import { DataError } from './errors.js'
import {
  isSafetensorsDtype,
  type SafetensorsDtype,
  type SafetensorsHeader,
  type SafetensorsTensor,
  safetensorsArrays,
  safetensorsItemBytes,
  safetensorsRank,
  tensorArrayFromBytes,
} from './safetensors-dtypes.js'
import { elementCount, shapeText } from './shape.js'
import { findDuplicateKey } from './strict-json.js'

/** Where a tensor lies: bytes `begin` to `end` (exclusive) of the data after the header. */
export interface SafetensorsEntry extends SafetensorsHeader {
  begin: number
  end: number
}

export interface SafetensorsIndex {
  /** In the order of the file. */
  entries: ReadonlyMap<string, SafetensorsEntry>
  metadata: Readonly<Record<string, string>>
}

/** The contents of a safetensors file that is in memory. */
export interface ParsedSafetensors {
  /** In the order of the file. */
  names: readonly string[]
  metadata: Readonly<Record<string, string>>
  /** Throws a DataError for an unknown name. */
  header(name: string): SafetensorsHeader
  /** May be a view of the file's bytes. Throws a DataError for an unknown name. */
  read(name: string): SafetensorsTensor
}

/** Tensors to write, by name. */
export type SafetensorsInput = Readonly<Record<string, SafetensorsTensor>> | ReadonlyMap<string, SafetensorsTensor>

/** The length of the header, an unsigned 64-bit number, opens the file. */
export const LENGTH_BYTES = 8

/** The limit of the reference implementation. */
const MOST_HEADER_BYTES = 100_000_000

const METADATA_KEY = '__metadata__'

/** The header length that the first 8 bytes give. Throws a DataError when it cannot be right. */
export function safetensorsHeaderLength(start: Uint8Array, fileBytes: number, path: string): number {
  if (start.length < LENGTH_BYTES)
    throw new DataError(`${start.length} bytes are too few for a safetensors file`, { path })
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true)
  if (length > MOST_HEADER_BYTES) {
    throw new DataError(`a header of ${length} bytes exceeds the limit of ${MOST_HEADER_BYTES}`, {
      path,
      remedy: 'This is probably no safetensors file',
    })
  }
  if (LENGTH_BYTES + Number(length) > fileBytes) {
    throw new DataError(`the header needs ${length} bytes, but the file has ${fileBytes}`, {
      path,
      remedy: 'The file is truncated, or no safetensors file',
    })
  }
  return Number(length)
}

/**
 * Reads the JSON header. Strict: every byte of the data belongs to exactly one tensor, shapes agree with byte ranges,
 * no name occurs twice. `dataBytes` is the length of what follows the header. Throws a DataError otherwise.
 */
export function parseSafetensorsHeader(header: Uint8Array, dataBytes: number, path: string): SafetensorsIndex {
  const fail = (problem: string): never => {
    throw new DataError(problem, { path, remedy: 'The file is damaged; fetch or write it again' })
  }
  const parsed = parseJsonObject(header, fail)
  let metadata: Record<string, string> = {}
  const entries: [string, SafetensorsEntry][] = []
  for (const [name, value] of Object.entries(parsed)) {
    // Taken as parsed, not copied key by key: assigning to the key '__proto__' would lose it.
    if (name === METADATA_KEY) metadata = checkMetadata(value, fail)
    else entries.push([name, checkEntry(name, value, fail)])
  }
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  let covered = 0
  for (const [name, { begin, end }] of entries) {
    if (begin < covered) fail(`tensor '${name}' overlaps the one before it`)
    if (begin > covered) fail(`bytes ${covered} to ${begin} before tensor '${name}' belong to no tensor`)
    covered = end
  }
  if (covered !== dataBytes) fail(`the tensors cover ${covered} bytes, but ${dataBytes} follow the header`)
  return { entries: new Map(entries), metadata }
}

type Fail = (problem: string) => never

function parseJsonObject(header: Uint8Array, fail: Fail): Record<string, unknown> {
  let parsed: unknown
  let duplicate: string | undefined
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header)
    parsed = JSON.parse(text)
    duplicate = findDuplicateKey(text)
  } catch (cause) {
    return fail(`the header is not JSON: ${cause instanceof Error ? cause.message : cause}`)
  }
  if (duplicate !== undefined) return fail(`the header names '${duplicate}' twice`)
  if (!isObject(parsed)) return fail('the header is not a JSON object')
  return parsed
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function checkMetadata(value: unknown, fail: Fail): Record<string, string> {
  if (!isObject(value) || Object.values(value).some((text) => typeof text !== 'string')) {
    return fail(`${METADATA_KEY} does not map names to strings`)
  }
  return value as Record<string, string>
}

function checkEntry(name: string, value: unknown, fail: Fail): SafetensorsEntry {
  const isCount = (count: unknown): count is number => Number.isSafeInteger(count) && (count as number) >= 0
  if (!isObject(value)) return fail(`the entry of tensor '${name}' is not an object`)
  const { dtype, shape, data_offsets: range } = value
  if (!isSafetensorsDtype(dtype)) return fail(`tensor '${name}' has the unsupported dtype ${JSON.stringify(dtype)}`)
  if (!Array.isArray(shape) || !shape.every(isCount))
    return fail(`the shape of tensor '${name}' is not a list of lengths`)
  if (!Array.isArray(range) || range.length !== 2 || !range.every(isCount) || range[0]! > range[1]!) {
    return fail(`the data_offsets of tensor '${name}' are not two positions in order`)
  }
  const bytes = elementCount(shape) * safetensorsItemBytes(dtype)
  const [begin, end] = range as [number, number]
  if (bytes !== end - begin) {
    return fail(`tensor '${name}' of shape [${shape.join(', ')}] and type ${dtype} cannot have ${end - begin} bytes`)
  }
  return { dtype, shape, begin, end }
}

/** The entry of a name. Throws a DataError that says what there is. */
export function safetensorsEntry(index: SafetensorsIndex, name: string, path: string): SafetensorsEntry {
  const entry = index.entries.get(name)
  if (entry !== undefined) return entry
  const some = [...index.entries.keys()].slice(0, 5).join(', ')
  throw new DataError(`there is no tensor '${name}' among the ${index.entries.size}`, {
    path,
    remedy: `The first are: ${some}`,
  })
}

/**
 * Parses a safetensors file in memory. `path` names it in messages. Throws a DataError for any violation of the format.
 */
export function parseSafetensors(bytes: Uint8Array, path = 'safetensors bytes'): ParsedSafetensors {
  const dataStart = LENGTH_BYTES + safetensorsHeaderLength(bytes, bytes.length, path)
  const index = parseSafetensorsHeader(bytes.subarray(LENGTH_BYTES, dataStart), bytes.length - dataStart, path)
  return {
    names: [...index.entries.keys()],
    metadata: index.metadata,
    header(name) {
      const { dtype, shape } = safetensorsEntry(index, name, path)
      return { dtype, shape: [...shape] }
    },
    read(name) {
      const { dtype, shape, begin, end } = safetensorsEntry(index, name, path)
      const data = tensorArrayFromBytes(dtype, bytes.subarray(dataStart + begin, dataStart + end))
      return { dtype, shape: [...shape], data }
    },
  }
}

/** The start of a file, and the names of its tensors in the order in which their bytes follow. */
export interface SafetensorsPlan {
  readonly start: Uint8Array
  readonly names: readonly string[]
}

/**
 * Lays out a file. Canonical, so equal contents give equal bytes: widest dtype first and then by name (as the Rust library
 * sorts), metadata by name, data aligned to 8 bytes. Throws a DataError for names and shapes that cannot be written.
 */
export function planSafetensors(
  headers: ReadonlyMap<string, SafetensorsHeader>,
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsPlan {
  const entries = [...headers].sort(
    ([nameA, a], [nameB, b]) => safetensorsRank(a.dtype) - safetensorsRank(b.dtype) || compareText(nameA, nameB),
  )
  const header: [string, unknown][] = []
  const sortedMetadata = Object.entries(metadata).sort(([a], [b]) => compareText(a, b))
  if (sortedMetadata.length > 0) header.push([METADATA_KEY, Object.fromEntries(sortedMetadata)])
  let position = 0
  for (const [name, { dtype, shape }] of entries) {
    const end = position + checkedByteLength(name, dtype, shape)
    header.push([name, { dtype, shape, data_offsets: [position, end] }])
    position = end
  }
  // Joined by hand: an object would move names that look like numbers to the front.
  const json = `{${header.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`
  const text = new TextEncoder().encode(json)
  if (text.length > MOST_HEADER_BYTES)
    throw new DataError(`a header of ${text.length} bytes exceeds the format's limit`)
  const start = new Uint8Array(LENGTH_BYTES + Math.ceil(text.length / 8) * 8).fill(0x20, LENGTH_BYTES)
  new DataView(start.buffer).setBigUint64(0, BigInt(start.length - LENGTH_BYTES), true)
  start.set(text, LENGTH_BYTES)
  return { start, names: entries.map(([name]) => name) }
}

/**
 * The canonical file for some tensors as a list of pieces to be written one after the other; tensor pieces are views, not
 * copies. Throws a DataError for a tensor that contradicts its own shape or dtype.
 */
export function encodeSafetensors(
  tensors: SafetensorsInput,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const map: ReadonlyMap<string, SafetensorsTensor> =
    tensors instanceof Map ? tensors : new Map(Object.entries(tensors))
  const { start, names } = planSafetensors(map, metadata)
  return [start, ...names.map((name) => tensorBytes(name, map.get(name)!))]
}

/** By code point, which is the order of the UTF-8 bytes that Rust compares. */
function compareText(a: string, b: string): number {
  const [pointsA, pointsB] = [[...a], [...b]]
  for (let n = 0; n < Math.min(pointsA.length, pointsB.length); n++) {
    const difference = pointsA[n]!.codePointAt(0)! - pointsB[n]!.codePointAt(0)!
    if (difference !== 0) return difference
  }
  return pointsA.length - pointsB.length
}

function checkedByteLength(name: string, dtype: SafetensorsDtype, shape: readonly number[]): number {
  const path = `tensor '${name}'`
  if (name === METADATA_KEY) throw new DataError('this name is reserved for metadata', { path })
  if (!isSafetensorsDtype(dtype)) throw new DataError(`dtype ${dtype} is not supported`, { path })
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new DataError(`shape ${shapeText(shape)} is not a list of lengths`, { path })
  }
  return elementCount(shape) * safetensorsItemBytes(dtype)
}

/** The bytes of a tensor, as a view. Throws a DataError when it contradicts its own shape or dtype. */
export function tensorBytes(name: string, { dtype, shape, data }: SafetensorsTensor): Uint8Array {
  const path = `tensor '${name}'`
  const bytes = checkedByteLength(name, dtype, shape)
  if (!(data instanceof safetensorsArrays[dtype])) {
    throw new DataError(`${dtype} data must be in a ${safetensorsArrays[dtype].name}`, { path })
  }
  if (data.byteLength !== bytes) {
    throw new DataError(`shape ${shapeText(shape)} does not fit ${data.length} values`, { path })
  }
  return new Uint8Array(data.buffer, data.byteOffset, bytes)
}

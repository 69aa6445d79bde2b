/** The header of `.npy` files (numpy.lib.format, versions 1 to 3): read by a strict parser that evaluates nothing. */
import { DataError, NotSupportedDataError } from '../errors.js'
import { type SafetensorsDtype, type SafetensorsHeader, safetensorsItemBytes } from '../safetensors-dtypes.js'
import { elementCount, shapeText } from '../shape.js'
import { type PythonLiteral, PythonTuple, parsePythonLiteral } from './python-literal.js'

const MAGIC = '\x93NUMPY'

/** NumPy's own limit for headers of files that it does not trust. */
const MOST_HEADER_TEXT = 10_000

/** As many bytes as any header can have. */
export const MOST_NPY_HEADER_BYTES = MAGIC.length + 2 + 4 + MOST_HEADER_TEXT

/** NumPy aligns the data so. */
const ALIGNMENT = 64

const MOST_AXES = 64

const dtypes: ReadonlyMap<string, SafetensorsDtype> = new Map([
  ['f2', 'F16'],
  ['f4', 'F32'],
  ['f8', 'F64'],
  ['i1', 'I8'],
  ['i2', 'I16'],
  ['i4', 'I32'],
  ['i8', 'I64'],
  ['u1', 'U8'],
  ['u2', 'U16'],
  ['u4', 'U32'],
  ['u8', 'U64'],
  ['b1', 'BOOL'],
])

const codes: ReadonlyMap<SafetensorsDtype, string> = new Map([...dtypes].map(([code, dtype]) => [dtype, code]))

export interface NpyHeader extends SafetensorsHeader {
  readonly bigEndian: boolean
  /** The first axis is the fastest. */
  readonly fortranOrder: boolean
  /** Where the values begin. */
  readonly dataStart: number
}

/**
 * Reads the header at the start of `bytes`, which must hold all of it; `fileBytes` is the length of the whole file. `name`
 * starts every message. Throws a NotSupportedDataError for types that are no numbers (text, objects, records) and for
 * complex ones, and a DataError for everything else that is wrong.
 */
export function parseNpyHeader(bytes: Uint8Array, fileBytes: number, name: string): NpyHeader {
  const fail = (problem: string): never => {
    throw new DataError(problem, { path: name, remedy: 'The file is damaged; fetch or write it again' })
  }
  const { text, dataStart } = headerText(bytes, fail)
  const fields = parseFields(text, fail)
  const { dtype, bigEndian } = parseDescr(fields.get('descr')!, name, fail)
  const fortranOrder = fields.get('fortran_order')!
  if (typeof fortranOrder !== 'boolean') return fail('fortran_order is neither True nor False')
  const shape = parseShape(fields.get('shape')!, fail)
  const expected = dataStart + elementCount(shape) * safetensorsItemBytes(dtype)
  if (expected !== fileBytes)
    fail(`${dtype} of shape ${shapeText(shape)} makes a file of ${expected} bytes, not ${fileBytes}`)
  return { dtype, bigEndian, fortranOrder, shape, dataStart }
}

type Fail = (problem: string) => never

function headerText(bytes: Uint8Array, fail: Fail): { text: string; dataStart: number } {
  const latin1 = new TextDecoder('latin1')
  if (latin1.decode(bytes.subarray(0, MAGIC.length)) !== MAGIC) fail('this is no .npy file')
  const version = bytes[MAGIC.length]
  if (version !== 1 && version !== 2 && version !== 3) return fail(`version ${version} of the format is not known`)
  const lengthBytes = version === 1 ? 2 : 4
  const start = MAGIC.length + 2 + lengthBytes
  if (bytes.length < start) return fail('the header is truncated')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const length = version === 1 ? view.getUint16(start - 2, true) : view.getUint32(start - 4, true)
  if (length > MOST_HEADER_TEXT) return fail(`a header of ${length} bytes is beyond NumPy's limit`)
  if (start + length > bytes.length) return fail('the header is truncated')
  try {
    const decoder = version === 3 ? new TextDecoder('utf-8', { fatal: true }) : latin1
    return { text: decoder.decode(bytes.subarray(start, start + length)), dataStart: start + length }
  } catch {
    return fail('the header is not UTF-8')
  }
}

const fieldNames = ['descr', 'fortran_order', 'shape']

function parseFields(text: string, fail: Fail): ReadonlyMap<string, PythonLiteral> {
  const value = parsePythonLiteral(text)
  if (!(value instanceof Map)) return fail('the header is no dictionary of plain values')
  const names = [...value.keys()].sort()
  if (names.join() !== fieldNames.join()) fail(`the header has the fields ${names.join(', ')}`)
  return value
}

function parseDescr(descr: PythonLiteral, name: string, fail: Fail) {
  if (Array.isArray(descr)) throw new NotSupportedDataError('arrays of records are not supported', { path: name })
  if (typeof descr !== 'string') return fail('descr is no text')
  const [, order, code] = /^([<>|])([a-zA-Z]\d*)$/.exec(descr) ?? fail(`descr '${descr}' is malformed`)
  const dtype = dtypes.get(code!)
  if (!dtype) throw new NotSupportedDataError(`arrays of type '${descr}' are not supported`, { path: name })
  if (order === '|' && safetensorsItemBytes(dtype) > 1) fail(`descr '${descr}' has no byte order`)
  return { dtype, bigEndian: order === '>' }
}

function parseShape(shape: PythonLiteral, fail: Fail): number[] {
  const sizes = shape instanceof PythonTuple ? shape.items : fail('the shape is no tuple')
  const isCount = (size: PythonLiteral): size is number => typeof size === 'number' && size >= 0
  if (!sizes.every(isCount) || sizes.length > MOST_AXES) return fail('the shape is no tuple of lengths')
  return [...sizes]
}

/** The bytes before the values, as NumPy writes them. Throws a DataError for types that NumPy does not have. */
export function encodeNpyHeader({ dtype, shape }: SafetensorsHeader, name: string): Uint8Array {
  const code = codes.get(dtype)
  if (code === undefined) {
    const remedy = 'Convert it to F32 (convert --dtype f32), or write safetensors'
    throw new DataError(`NumPy has no type for ${dtype}`, { path: name, remedy })
  }
  const order = safetensorsItemBytes(dtype) > 1 ? '<' : '|'
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': (${sizes}), }`
  const start = MAGIC.length + 4
  const bytes = new Uint8Array(Math.ceil((start + text.length + 1) / ALIGNMENT) * ALIGNMENT).fill(0x20)
  for (const [at, character] of [...MAGIC].entries()) bytes[at] = character.charCodeAt(0)
  bytes.set([1, 0], MAGIC.length)
  new DataView(bytes.buffer).setUint16(start - 2, bytes.length - start, true)
  bytes.set(new TextEncoder().encode(text), start)
  bytes[bytes.length - 1] = 0x0a
  return bytes
}

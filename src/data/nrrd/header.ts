import { DataError, NotSupportedDataError } from '../errors.js'
import { checkAffine, type Triple } from '../geometry.js'
import type { StoredDtype, VolumeHeader } from '../stored-voxels.js'
import { parseNumber, parseNumbers, parseSizes } from '../text-header.js'
import type { NrrdSource } from '../volume.js'
import { affineFromFrame, type WorldFrame } from '../world-frames.js'
import { spatialAxes } from './axes.js'
import { type NrrdFields, parseFields } from './fields.js'

/** What an NRRD header says, checked. */
export interface NrrdHeader extends VolumeHeader {
  source: NrrdSource
  compressed: boolean
  /** The file with the voxels, as the header names it; undefined when they follow the header. */
  dataFile: string | undefined
  lineSkip: number
  /** -1: the voxels are the last bytes of the file. */
  byteSkip: number
}

const dtypes: Record<string, StoredDtype> = Object.fromEntries(
  (
    [
      ['int8', 'signed char', 'int8', 'int8_t'],
      ['uint8', 'uchar', 'unsigned char', 'uint8', 'uint8_t'],
      ['int16', 'short', 'short int', 'signed short', 'signed short int', 'int16', 'int16_t'],
      ['uint16', 'ushort', 'unsigned short', 'unsigned short int', 'uint16', 'uint16_t'],
      ['int32', 'int', 'signed int', 'int32', 'int32_t'],
      ['uint32', 'uint', 'unsigned int', 'uint32', 'uint32_t'],
      [
        'int64',
        'longlong',
        'long long',
        'long long int',
        'signed long long',
        'signed long long int',
        'int64',
        'int64_t',
      ],
      ['uint64', 'ulonglong', 'unsigned long long', 'unsigned long long int', 'uint64', 'uint64_t'],
      ['float32', 'float'],
      ['float64', 'double'],
    ] satisfies [StoredDtype, ...string[]][]
  ).flatMap(([dtype, ...names]) => names.map((name) => [name, dtype] as const)),
)

const frames: Record<string, WorldFrame> = {
  'right-anterior-superior': 'RAS',
  ras: 'RAS',
  'right-anterior-superior-time': 'RAS',
  rast: 'RAS',
  'left-anterior-superior': 'LAS',
  las: 'LAS',
  'left-anterior-superior-time': 'LAS',
  last: 'LAS',
  'left-posterior-superior': 'LPS',
  lps: 'LPS',
  'left-posterior-superior-time': 'LPS',
  lpst: 'LPS',
}

/** Millimetres per unit. */
const units: Record<string, number> = {
  mm: 1,
  '': 1,
  millimeter: 1,
  millimeters: 1,
  m: 1000,
  cm: 10,
  um: 1e-3,
  µm: 1e-3,
}

/**
 * Reads and checks the lines of an NRRD header. `space` is the caller's word for files that state no anatomical frame:
 * those without `space`, and `scanner-xyz`, `3D-right-handed` and `3D-left-handed`. Without directions the array axes
 * are those of the frame and the first voxel is at its origin, unless the header says where.
 *
 * Throws a DataError for what is wrong or cannot be placed, a NotSupportedDataError for what is not read.
 */
export function parseNrrdHeader(lines: readonly string[], path: string, space?: WorldFrame): NrrdHeader {
  const fields = parseFields(lines, path)
  const sizes = parseSizes(fields.required('sizes'), 'sizes', path)
  const dimension = parseNumber(fields.required('dimension'), 'dimension', path)
  if (sizes.length !== dimension) throw new DataError(`dimension ${dimension}, but ${sizes.length} sizes`, { path })
  const dtype = dtypeOf(fields.required('type'), path)
  const compressed = isCompressed(fields.required('encoding'), path)
  const littleEndian = isLittleEndian(fields, dtype, path)

  const { spatial, others, steps, zooms } = spatialAxes(fields, sizes, path)
  const frame = frameOf(fields.get('space'), space, path)
  const unitMm = unitOf(fields.get('space units'), path)
  const origin = originOf(fields.get('space origin'), path)
  const scaled = (point: Readonly<Triple>) => point.map((value) => value * unitMm) as Triple
  const affine = affineFromFrame(frame, [scaled(steps[0]), scaled(steps[1]), scaled(steps[2])], scaled(origin))
  checkAffine(affine, path)

  const strides = sizes.map((_, axis) => sizes.slice(0, axis).reduce((product, size) => product * size, 1))
  const skip = (field: string) => parseNumber(fields.get(field) ?? '0', field, path)
  const [lineSkip, byteSkip] = [skip('line skip'), skip('byte skip')]
  if (!Number.isSafeInteger(lineSkip) || lineSkip < 0 || lineSkip > 1e6) {
    throw new DataError(`line skip is ${lineSkip}`, { path })
  }
  if (!Number.isSafeInteger(byteSkip) || byteSkip < (compressed ? 0 : -1)) {
    throw new DataError(`byte skip is ${byteSkip}`, { path })
  }
  return {
    compressed,
    dataFile: fields.get('data file'),
    lineSkip,
    byteSkip,
    shape: spatial.map((axis) => sizes[axis]!) as Triple,
    affine,
    layout: {
      dtype,
      littleEndian,
      slope: 1,
      intercept: 0,
      strides: spatial.map((axis) => strides[axis]!) as Triple,
      volumes: others.reduce((product, axis) => product * sizes[axis]!, 1),
      volumeStride: others.length === 0 ? sizes.reduce((product, size) => product * size, 1) : strides[others[0]!]!,
    },
    source: {
      path,
      format: 'nrrd',
      storedDtype: dtype,
      bigEndian: !littleEndian,
      storedShape: sizes,
      zooms,
      slope: 1,
      intercept: 0,
      description: fields.get('content') ?? '',
      space: fields.get('space') ?? frame,
      keyValues: fields.keyValues,
    },
  }
}

function dtypeOf(type: string, path: string): StoredDtype {
  const dtype = dtypes[type.toLowerCase()]
  if (dtype !== undefined) return dtype
  throw new DataError(`voxels of type '${type.slice(0, 40)}'`, { path, remedy: 'Read are integers, float and double' })
}

function isCompressed(encoding: string, path: string): boolean {
  if (encoding === 'raw') return false
  if (encoding === 'gzip' || encoding === 'gz') return true
  throw new NotSupportedDataError(`encoding '${encoding.slice(0, 40)}' is not read`, {
    path,
    remedy: 'Save it with encoding raw or gzip',
  })
}

function isLittleEndian(fields: NrrdFields, dtype: StoredDtype, path: string): boolean {
  const endian = fields.get('endian')
  if (endian === 'little' || endian === 'big') return endian === 'little'
  if (dtype === 'int8' || dtype === 'uint8') return true
  throw new DataError(endian === undefined ? 'no byte order (field endian)' : `endian is '${endian}'`, { path })
}

function frameOf(space: string | undefined, chosen: WorldFrame | undefined, path: string): WorldFrame {
  const frame = space === undefined ? undefined : frames[space.toLowerCase()]
  if (frame !== undefined) return frame
  if (chosen !== undefined) return chosen
  throw new DataError(
    space === undefined
      ? 'the header states no space'
      : `space '${space.slice(0, 60)}' does not say how the patient lies`,
    { path, remedy: "State the frame with the option space: 'RAS', 'LAS' or 'LPS'" },
  )
}

function unitOf(spaceUnits: string | undefined, path: string): number {
  if (spaceUnits === undefined) return 1
  const names = [...spaceUnits.matchAll(/"([^"]*)"/g)].slice(0, 3).map((match) => match[1]!)
  const factors = names.map((name) => units[name.trim().toLowerCase()])
  const factor = factors[0]
  if (factor === undefined || factors.some((other) => other !== factor)) {
    throw new DataError(`space units are ${spaceUnits.slice(0, 60)}`, {
      path,
      remedy: 'Give mm, cm, m or um for all axes',
    })
  }
  return factor
}

function originOf(text: string | undefined, path: string): Triple {
  if (text === undefined) return [0, 0, 0]
  const match = /^\(([^()]*)\)$/.exec(text)
  const numbers = match === null ? [] : parseNumbers(match[1]!.replaceAll(',', ' '), 'space origin', path)
  // A fourth number is time.
  if (numbers.length === 3 || numbers.length === 4) return numbers.slice(0, 3) as Triple
  throw new DataError(`space origin is ${text.slice(0, 60)}`, { path })
}

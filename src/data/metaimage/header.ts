import { DataError, NotSupportedDataError } from '../errors.js'
import { checkAffine, type Triple } from '../geometry.js'
import type { StoredDtype, VolumeHeader } from '../stored-voxels.js'
import { parseNumber, parseNumbers, parseSizes } from '../text-header.js'
import type { MetaImageSource } from '../volume.js'
import { affineFromFrame } from '../world-frames.js'

/** What a MetaImage header says, checked. */
export interface MetaImageHeader extends VolumeHeader {
  source: MetaImageSource
  compressed: boolean
  /** The file with the voxels, as the header names it; undefined when they follow the header. */
  dataFile: string | undefined
  /** Bytes before the voxels of a plain file; -1: the voxels are the last bytes of it. */
  headerSize: number
}

/** MET_LONG has four bytes on every system, by MetaIO's own table. */
const dtypes: Record<string, StoredDtype> = {
  MET_CHAR: 'int8',
  MET_UCHAR: 'uint8',
  MET_SHORT: 'int16',
  MET_USHORT: 'uint16',
  MET_INT: 'int32',
  MET_UINT: 'uint32',
  MET_LONG: 'int32',
  MET_ULONG: 'uint32',
  MET_LONG_LONG: 'int64',
  MET_ULONG_LONG: 'uint64',
  MET_FLOAT: 'float32',
  MET_DOUBLE: 'float64',
}

/** The last field of every header. */
export const isLastMetaImageLine = (line: string): boolean => /^\s*ElementDataFile\s*=/.test(line)

/**
 * Reads and checks the lines of a MetaImage header. Its world is left-posterior-superior, as ITK writes and reads it
 * whatever `AnatomicalOrientation` says. What the header leaves out has the format's own default: no rotation, the
 * origin, spacing 1. Throws a DataError for what is wrong, a NotSupportedDataError for what is not read.
 */
export function parseMetaImageHeader(lines: readonly string[], path: string): MetaImageHeader {
  const fields = parseFields(lines, path)
  const flag = (...names: string[]) => /^(true|1)$/i.test(first(fields, names) ?? '')
  const type = fields.get('ObjectType') ?? 'Image'
  if (type !== 'Image') throw new DataError(`ObjectType is '${type.slice(0, 40)}', not Image`, { path })
  const axes = parseNumber(required(fields, 'NDims', path), 'NDims', path)
  const sizes = parseSizes(required(fields, 'DimSize', path), 'DimSize', path)
  if (sizes.length !== axes || (axes !== 3 && axes !== 4)) {
    throw new DataError(`NDims is ${axes} and DimSize has ${sizes.length} lengths; three or four are read`, { path })
  }
  const dtype = dtypes[required(fields, 'ElementType', path)]
  if (dtype === undefined) {
    throw new DataError(`ElementType is '${fields.get('ElementType')!.slice(0, 40)}'`, {
      path,
      remedy: `Read are ${Object.keys(dtypes).join(', ')}`,
    })
  }
  const channels = parseNumber(fields.get('ElementNumberOfChannels') ?? '1', 'ElementNumberOfChannels', path)
  if (channels !== 1) throw new NotSupportedDataError(`voxels of ${channels} channels are not read`, { path })
  if (fields.has('BinaryData') && !flag('BinaryData')) {
    throw new NotSupportedDataError('voxels written as text are not read', { path, remedy: 'Save it as binary data' })
  }
  const littleEndian = !flag('BinaryDataByteOrderMSB', 'ElementByteOrderMSB')
  const { steps, origin, spacing } = geometryOf(fields, axes, path)
  const affine = affineFromFrame('LPS', steps, origin)
  checkAffine(affine, path)

  const shape = sizes.slice(0, 3) as Triple
  const dataFile = required(fields, 'ElementDataFile', path)
  const headerSize = parseNumber(fields.get('HeaderSize') ?? '0', 'HeaderSize', path)
  const compressed = flag('CompressedData')
  // -1, "count from the end", needs voxels of known length.
  if (!Number.isSafeInteger(headerSize) || headerSize < (compressed ? 0 : -1)) {
    throw new DataError(`HeaderSize is ${headerSize}`, { path })
  }
  const slope = parseNumber(fields.get('ElementToIntensityFunctionSlope') ?? '1', 'slope', path)
  const intercept = parseNumber(fields.get('ElementToIntensityFunctionOffset') ?? '0', 'offset', path)
  return {
    compressed,
    dataFile: /^local$/i.test(dataFile) ? undefined : dataFile,
    headerSize,
    shape,
    affine,
    layout: {
      dtype,
      littleEndian,
      slope,
      intercept,
      strides: [1, shape[0], shape[0] * shape[1]],
      volumes: sizes[3] ?? 1,
      volumeStride: shape[0] * shape[1] * shape[2],
    },
    source: {
      path,
      format: 'metaimage',
      storedDtype: dtype,
      bigEndian: !littleEndian,
      storedShape: sizes,
      zooms: spacing,
      slope,
      intercept,
      description: fields.get('Comment') ?? '',
    },
  }
}

function parseFields(lines: readonly string[], path: string): Map<string, string> {
  const fields = new Map<string, string>()
  for (const [number, line] of lines.entries()) {
    if (line.trim() === '') continue
    const field = /^\s*([^=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line)
    if (field === null) throw new DataError(`line ${number + 1} of the header is no field`, { path })
    fields.set(field[1]!, field[2]!)
  }
  return fields
}

const first = (fields: Map<string, string>, names: readonly string[]): string | undefined =>
  names.map((name) => fields.get(name)).find((value) => value !== undefined)

function required(fields: Map<string, string>, name: string, path: string): string {
  const value = fields.get(name)
  if (value === undefined) throw new DataError(`the header has no field ${name}`, { path })
  return value
}

/** Voxel steps and origin in the file's frame. Each run of numbers of the matrix is the direction of one array axis. */
function geometryOf(fields: Map<string, string>, axes: number, path: string) {
  const list = (names: readonly string[], standard: readonly number[]) => {
    const text = first(fields, names)
    const numbers = text === undefined ? [...standard] : parseNumbers(text, names[0]!, path)
    if (numbers.length === standard.length) return numbers
    throw new DataError(`${names[0]} has ${numbers.length} numbers instead of ${standard.length}`, { path })
  }
  const range = Array.from({ length: axes }, (_, axis) => axis)
  const identity = range.flatMap((row) => range.map((column) => (row === column ? 1 : 0)))
  const matrix = list(['TransformMatrix', 'Rotation', 'Orientation'], identity)
  const origin = list(
    ['Offset', 'Position', 'Origin'],
    range.map(() => 0),
  )
  const spacing = list(
    ['ElementSpacing', 'ElementSize'],
    range.map(() => 1),
  )
  const step = (axis: number) => [0, 1, 2].map((row) => matrix[axis * axes + row]! * spacing[axis]!) as Triple
  return {
    steps: [step(0), step(1), step(2)] as [Triple, Triple, Triple],
    origin: origin.slice(0, 3) as Triple,
    spacing,
  }
}

import { mat3, quat } from 'gl-matrix'
import { NIFTI1, NIFTI2 } from 'nifti-reader-js'
import { DataError } from './errors.js'
import { affineFromColumns, checkAffine, type Triple } from './geometry.js'
import { type StoredDtype, storedDtypeBytes, type VolumeHeader } from './stored-voxels.js'
import { fortranOrderStrides, type NiftiSource } from './volume.js'

/** What a NIfTI-1 or NIfTI-2 header says, checked. */
export interface NiftiHeader extends VolumeHeader {
  source: NiftiSource
  /** True when the voxels are in a separate .img file. */
  isPair: boolean
  /** Where the voxels start: in the same file, or in the .img file of a pair. */
  voxelOffset: number
}

/** The datatype codes of nifti1.h. */
export const niftiDtypeCodes: Record<StoredDtype, number> = {
  uint8: 2,
  int16: 4,
  int32: 8,
  float32: 16,
  float64: 64,
  int8: 256,
  uint16: 512,
  uint32: 768,
  int64: 1024,
  uint64: 1280,
}

/** Codes that exist but hold no plain real number per voxel, or one that JavaScript has no type for. */
const refusedDtypes: Record<number, string> = {
  1: 'binary (1 bit)',
  32: 'complex64',
  128: 'RGB24',
  1536: 'float128',
  1792: 'complex128',
  2048: 'complex256',
  2304: 'RGBA32',
}

const HEADER_BYTES = { 1: 348, 2: 540 } as const

/** The header and the four bytes that announce extensions: voxels of a single file cannot start earlier. */
const FIRST_VOXEL_BYTE = { 1: 352, 2: 544 } as const

/** Enough bytes to hold either header. */
export const LONGEST_HEADER_BYTES = HEADER_BYTES[2]

/** nifti1.h knows the codes 0 (unknown) to 5 (template); anything else is read as unknown, as nibabel does. */
const LAST_XFORM_CODE = 5

/** How far below zero 1 - b^2 - c^2 - d^2 may fall through rounding of the stored b, c, d (nibabel's rule). */
const QUATERNION_SLACK = { 1: 3 * 2 ** -23, 2: 3 * 2 ** -52 } as const

/** Millimetres per header unit of length, by the lower three bits of xyzt_units: metre, millimetre, micrometre. */
const UNIT_MM: Record<number, number> = { 1: 1000, 3: 0.001 }

/** Millimetres per unit of length of an `xyzt_units` code; 1 for millimetres and for none. */
export function niftiUnitMm(unitsCode: number): number {
  return UNIT_MM[unitsCode & 7] ?? 1
}

/**
 * Reads and checks a header from the first bytes of an uncompressed file. `name` names the file in messages.
 *
 * The affine is chosen as nibabel does: sform if its code is set, else qform, else a diagonal from the voxel sizes with
 * x flipped and the volume centred on the origin. Lengths given in metres or micrometres are converted to millimetres
 * (as ITK does; nibabel leaves them).
 *
 * Throws a DataError for anything that does not add up.
 */
export function parseNiftiHeader(bytes: Uint8Array, name: string): NiftiHeader {
  const fail = (problem: string, remedy?: string): never => {
    throw new DataError(problem, remedy === undefined ? { path: name } : { path: name, remedy })
  }
  if (bytes.length < HEADER_BYTES[1]) fail(`${bytes.length} bytes are too few for a NIfTI header of 348 bytes`)
  const { version, littleEndian } = detectVersion(bytes, name)
  if (bytes.length < HEADER_BYTES[version]) {
    fail(`${bytes.length} bytes are too few for a NIfTI-${version} header of ${HEADER_BYTES[version]} bytes`)
  }
  // Exactly the header: with more bytes nifti-reader-js would walk through extensions, in which a damaged file can
  // trap it for ever, and which are of no use here.
  const headerBytes = new Uint8Array(bytes.subarray(0, HEADER_BYTES[version]))
  const raw = version === 1 ? new NIFTI1() : new NIFTI2()
  raw.readHeader(headerBytes.buffer)

  const isPair = checkMagic(headerBytes, version, name)
  const dimensions = raw.dims[0]!
  if (dimensions < 1 || dimensions > 7) fail(`the number of axes is ${dimensions}, not 1 to 7`)
  const shape = raw.dims.slice(1, dimensions + 1)
  const wrong = shape.findIndex((size) => !Number.isSafeInteger(size) || size < 1)
  if (wrong >= 0) fail(`axis ${wrong} has a length of ${shape[wrong]}`)

  const storedDtype = dtypeOf(raw.datatypeCode, name)
  const voxelBytes = shape.reduce((product, size) => product * size, storedDtypeBytes[storedDtype])
  if (!Number.isSafeInteger(voxelBytes)) fail(`a shape of ${shape.join(' x ')} is beyond any file`)
  const voxelOffset = raw.vox_offset
  const earliest = isPair ? 0 : FIRST_VOXEL_BYTE[version]
  if (!Number.isSafeInteger(voxelOffset) || voxelOffset < earliest) {
    fail(`the voxels start at byte ${voxelOffset}, which must be a whole number from ${earliest}`)
  }

  const scaled = Number.isFinite(raw.scl_slope) && raw.scl_slope !== 0
  const xformCode = (code: number) => (code >= 0 && code <= LAST_XFORM_CODE ? code : 0)
  const [sformCode, qformCode] = [xformCode(raw.sform_code), xformCode(raw.qform_code)]
  const zooms = raw.pixDims.slice(1, dimensions + 1).map(Math.abs)
  const unitMm = niftiUnitMm(raw.xyzt_units)
  const stored =
    sformCode > 0
      ? sformAffine(headerBytes, version, littleEndian)
      : qformCode > 0
        ? qformAffine(raw, QUATERNION_SLACK[version], name)
        : centredAffine(shape, zooms)
  const affine = stored.map((value, index) => (index < 12 ? value * unitMm : value))
  checkAffine(affine, name)

  const spatial = [0, 1, 2].map((axis) => shape[axis] ?? 1) as Triple
  const slope = scaled ? raw.scl_slope : 1
  const intercept = scaled && Number.isFinite(raw.scl_inter) ? raw.scl_inter : 0
  return {
    isPair,
    voxelOffset,
    shape: spatial,
    affine,
    layout: {
      dtype: storedDtype,
      littleEndian,
      slope,
      intercept,
      strides: fortranOrderStrides(spatial),
      volumes: shape.slice(3).reduce((product, size) => product * size, 1),
      volumeStride: spatial[0] * spatial[1] * spatial[2],
    },
    source: {
      path: name,
      format: 'nifti',
      version,
      storedDtype,
      bigEndian: !littleEndian,
      storedShape: shape,
      zooms,
      sformCode,
      qformCode,
      unitsCode: raw.xyzt_units,
      slope,
      intercept,
      description: raw.description.split('\0', 1)[0]!.trim(),
    },
  }
}

/** The first field is the length of the header, which tells version and byte order. */
function detectVersion(bytes: Uint8Array, name: string): { version: 1 | 2; littleEndian: boolean } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (const littleEndian of [true, false]) {
    for (const version of [1, 2] as const) {
      if (view.getInt32(0, littleEndian) === HEADER_BYTES[version]) return { version, littleEndian }
    }
  }
  throw new DataError('not a NIfTI file: it begins neither with 348 (NIfTI-1) nor with 540 (NIfTI-2)', { path: name })
}

/** True for a header of a .hdr/.img pair. */
function checkMagic(header: Uint8Array, version: 1 | 2, name: string): boolean {
  const position = version === 1 ? 344 : 4
  const magic = String.fromCharCode(...header.subarray(position, position + 4))
  if (magic === `n+${version}\0`) return false
  if (magic === `ni${version}\0`) return true
  throw new DataError(`the magic string is ${JSON.stringify(magic)}, not "n+${version}" or "ni${version}"`, {
    path: name,
    remedy: 'The file is damaged, or it is an Analyze 7.5 file; convert that to NIfTI first',
  })
}

function dtypeOf(code: number, name: string): StoredDtype {
  const entry = Object.entries(niftiDtypeCodes).find(([, known]) => known === code)
  if (entry !== undefined) return entry[0] as StoredDtype
  const refused = refusedDtypes[code]
  throw new DataError(refused === undefined ? `unknown datatype code ${code}` : `voxels of type ${refused}`, {
    path: name,
    remedy: `Supported are ${Object.keys(storedDtypeBytes).join(', ')}`,
  })
}

/** The rows of the sform. Read here because nifti-reader-js drops them when the qform has the greater code. */
function sformAffine(header: Uint8Array, version: 1 | 2, littleEndian: boolean): number[] {
  const view = new DataView(header.buffer)
  const value = (n: number) =>
    version === 1 ? view.getFloat32(280 + 4 * n, littleEndian) : view.getFloat64(400 + 8 * n, littleEndian)
  return [...Array.from({ length: 12 }, (_, n) => value(n)), 0, 0, 0, 1]
}

/** The affine of the quaternion: rotation x voxel sizes, the third axis mirrored when pixdim[0] is -1. */
function qformAffine(raw: NIFTI1 | NIFTI2, slack: number, name: string): number[] {
  const [b, c, d] = [raw.quatern_b, raw.quatern_c, raw.quatern_d]
  const square = 1 - (b * b + c * c + d * d)
  if (!(square >= -slack)) {
    throw new DataError(`the qform quaternion (${b}, ${c}, ${d}) is longer than 1`, {
      path: name,
      remedy: 'Repair its geometry with the tool that wrote it',
    })
  }
  const a = Math.sqrt(Math.max(square, 0))
  const unit = quat.normalize([0, 0, 0, 1], [b, c, d, a])
  const rotation = mat3.fromQuat(new Array<number>(9), unit) as number[]
  const sizes = voxelSizes(raw.pixDims.slice(1))
  const mirrored = raw.pixDims[0] === -1 ? -1 : 1
  const column = (axis: number, scale: number) => [0, 1, 2].map((row) => rotation[axis * 3 + row]! * scale) as Triple
  return affineFromColumns(
    [column(0, sizes[0]), column(1, sizes[1]), column(2, sizes[2] * mirrored)],
    [raw.qoffset_x, raw.qoffset_y, raw.qoffset_z],
  )
}

/** nibabel's last resort: voxel sizes only, x toward the patient's left, the middle of the volume at the origin. */
function centredAffine(shape: readonly number[], zooms: readonly number[]): number[] {
  const sizes = voxelSizes(zooms)
  const middle = sizes.map((size, axis) => ((shape[axis] ?? 1) - 1) * 0.5 * size) as Triple
  return affineFromColumns(
    [
      [-sizes[0], 0, 0],
      [0, sizes[1], 0],
      [0, 0, sizes[2]],
    ],
    [middle[0], -middle[1], -middle[2]],
  )
}

/**
 * Voxel sizes of three axes as nibabel mends them: the sign dropped; 1 for an axis without size. NaN stays, to be
 * refused.
 */
function voxelSizes(zooms: readonly number[]): Triple {
  return [0, 1, 2].map((axis) => {
    const size = Math.abs(zooms[axis] ?? 1)
    return size === 0 ? 1 : size
  }) as Triple
}

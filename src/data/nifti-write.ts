import { type mat3, quat, vec3 } from 'gl-matrix'
import { NIFTI1 } from 'nifti-reader-js'
import { compressed } from './compress.js'
import { DataError } from './errors.js'
import { writeFileAtomically } from './files.js'
import { type Affine, affineColumn, type Triple } from './geometry.js'
import { niftiDtypeCodes, niftiUnitMm } from './nifti-header.js'
import { storedDtypeBytes } from './stored-voxels.js'
import { spacingMm, type Volume, validateVolume } from './volume.js'
import { voxelChunks } from './voxel-chunks.js'
import { voxelType } from './voxels.js'

export interface WriteNiftiOptions {
  /** Compress. Default: when the path ends in `.gz`. */
  gzip?: boolean
}

const LONGEST_AXIS = 32767
const SCANNER_CODE = 1
const MILLIMETRES_AND_SECONDS = 2 | 8
const VOXEL_OFFSET = 352
const LONGEST_DESCRIPTION = 79

/** Cosine between array axes up to which the affine counts as rigid, that is, fit for a quaternion. */
const RIGID_TOLERANCE = 1e-5

/**
 * Writes a little-endian NIfTI-1 file with the volume's own voxel type and no scaling. The affine goes into the sform
 * and, where its axes are perpendicular, also into the qform (both float32, as the format has it). A volume that was
 * read from NIfTI keeps its header's frames: the codes of sform and qform, the units and the description. The file
 * appears under its name only when complete, and is written in pieces.
 *
 * Throws a DataError for a volume the format cannot hold and when the file cannot be written.
 */
export async function writeNifti(path: string, volume: Volume, options: WriteNiftiOptions = {}): Promise<void> {
  validateVolume(volume)
  const longest = Math.max(...volume.shape)
  if (longest > LONGEST_AXIS) {
    throw new DataError(`an axis of ${longest} voxels does not fit NIfTI-1`, {
      path,
      remedy: `Crop the volume to at most ${LONGEST_AXIS} voxels per axis`,
    })
  }
  // One gzip member for both: readers exist that stop after the first.
  const whole = chunks(volume)
  const packed = options.gzip ?? path.toLowerCase().endsWith('.gz')
  await writeFileAtomically(path, packed ? compressed(whole) : whole)
}

function* chunks(volume: Volume): Generator<Uint8Array> {
  yield headerBytes(volume)
  yield* voxelChunks(volume)
}

/** What a header says besides the voxels: the source's own where there is one. */
function frames({ source, affine }: Volume) {
  const rigid = rigidTransform(affine)
  if (source?.format !== 'nifti') {
    return { sform: SCANNER_CODE, qform: SCANNER_CODE, units: MILLIMETRES_AND_SECONDS, description: '', rigid }
  }
  const { sformCode, qformCode, unitsCode, description } = source
  // Without a code the reader would place the volume by its size, which may have changed; an affine that has been
  // sheared since needs the sform.
  const needsSform = qformCode === 0 || rigid === undefined
  return {
    sform: sformCode === 0 && needsSform ? qformCode || SCANNER_CODE : sformCode,
    qform: qformCode,
    units: unitsCode,
    description,
    rigid,
  }
}

function headerBytes(volume: Volume): Uint8Array {
  const { affine, shape } = volume
  const dtype = voxelType(volume.data)
  const header = new NIFTI1()
  const { sform, qform, units, description, rigid } = frames(volume)
  const perMm = 1 / niftiUnitMm(units)
  const spacing = spacingMm(volume).map((mm) => mm * perMm)
  header.littleEndian = true
  header.dims = [3, ...shape, 1, 1, 1, 1]
  header.datatypeCode = niftiDtypeCodes[dtype]
  header.numBitsPerVoxel = storedDtypeBytes[dtype] * 8
  header.pixDims = [rigid?.handedness ?? 1, ...spacing, 1, 1, 1, 1]
  header.vox_offset = VOXEL_OFFSET
  header.scl_slope = 1
  header.scl_inter = 0
  header.xyzt_units = units
  header.description = description.slice(0, LONGEST_DESCRIPTION)
  header.sform_code = sform
  header.affine = [0, 1, 2, 3].map((row) =>
    affine.slice(4 * row, 4 * row + 4).map((value) => (row < 3 ? value * perMm : value)),
  )
  if (rigid !== undefined && qform > 0) {
    header.qform_code = qform
    ;[header.quatern_b, header.quatern_c, header.quatern_d] = rigid.quaternion
    const origin = affineColumn(affine, 3).map((mm) => mm * perMm) as Triple
    ;[header.qoffset_x, header.qoffset_y, header.qoffset_z] = origin
  }
  header.magic = 'n+1'
  return new Uint8Array(header.toArrayBuffer())
}

/**
 * The rotation part as the (b, c, d) of a unit quaternion, and whether the third axis is mirrored (-1) to make it a
 * rotation. Undefined for an affine with shear.
 */
function rigidTransform(affine: Affine): { quaternion: [number, number, number]; handedness: 1 | -1 } | undefined {
  const unit = (axis: 0 | 1 | 2) => vec3.normalize([0, 0, 0], affineColumn(affine, axis)) as [number, number, number]
  const [x, y, z] = [unit(0), unit(1), unit(2)]
  const cosines = [vec3.dot(x, y), vec3.dot(x, z), vec3.dot(y, z)]
  if (cosines.some((cosine) => Math.abs(cosine) > RIGID_TOLERANCE)) return undefined
  const handedness = vec3.dot(vec3.cross([0, 0, 0], x, y), z) < 0 ? -1 : 1
  const rotation: mat3 = [...x, ...y, ...(z.map((value) => value * handedness) as [number, number, number])]
  const [b, c, d, a] = quat.normalize([0, 0, 0, 1], quat.fromMat3([0, 0, 0, 1], rotation)) as [
    number,
    number,
    number,
    number,
  ]
  const sign = a < 0 ? -1 : 1
  return { quaternion: [b * sign, c * sign, d * sign], handedness }
}

import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { type mat3, quat, vec3 } from 'gl-matrix'
import { NIFTI1 } from 'nifti-reader-js'
import { DataError } from './errors.js'
import { plainBytes, writeFileAtomically } from './files.js'
import { type Affine, affineColumn } from './geometry.js'
import { niftiDtypeBytes, niftiDtypeCodes } from './nifti-header.js'
import { copyStrided } from './strided-copy.js'
import { countVoxels, fortranOrderStrides, spacingMm, type Volume, validateVolume } from './volume.js'
import { allocateVoxels, voxelType } from './voxels.js'

export interface WriteNiftiOptions {
  /** Compress. Default: when the path ends in `.gz`. */
  gzip?: boolean
}

/** nibabel's level too: the higher ones take several times as long and save a few per cent on noisy scans. */
const GZIP_LEVEL = 1

const LONGEST_AXIS = 32767
const SCANNER_CODE = 1
const MILLIMETRES_AND_SECONDS = 2 | 8
const VOXEL_OFFSET = 352

/** Cosine between array axes up to which the affine counts as rigid, that is, fit for a quaternion. */
const RIGID_TOLERANCE = 1e-5

const gzipInBackground = promisify(gzip)

/**
 * Writes a little-endian NIfTI-1 file with the volume's own voxel type and no scaling. The affine goes into the sform
 * and, where its axes are perpendicular, also into the qform (both float32, as the format has it). The file appears
 * under its name only when complete.
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
  const strides = fortranOrderStrides(volume.shape)
  const data = allocateVoxels(voxelType(volume.data), countVoxels(volume.shape))
  copyStrided(volume, { data, strides, offset: 0 }, volume.shape)
  const header = headerBytes(volume)
  const voxels = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (!(options.gzip ?? path.toLowerCase().endsWith('.gz'))) return writeFileAtomically(path, [header, voxels])
  // Two gzip members would do, but readers exist that stop after the first.
  const whole = new Uint8Array(header.length + voxels.length)
  whole.set(header)
  whole.set(voxels, header.length)
  return writeFileAtomically(path, [plainBytes(await gzipInBackground(whole, { level: GZIP_LEVEL }))])
}

function headerBytes(volume: Volume): Uint8Array {
  const { affine, shape, source } = volume
  const dtype = voxelType(volume.data)
  const header = new NIFTI1()
  const rigid = rigidTransform(affine)
  header.littleEndian = true
  header.dims = [3, ...shape, 1, 1, 1, 1]
  header.datatypeCode = niftiDtypeCodes[dtype]
  header.numBitsPerVoxel = niftiDtypeBytes[dtype] * 8
  header.pixDims = [rigid?.handedness ?? 1, ...spacingMm(volume), 1, 1, 1, 1]
  header.vox_offset = VOXEL_OFFSET
  header.scl_slope = 1
  header.scl_inter = 0
  header.xyzt_units = MILLIMETRES_AND_SECONDS
  header.sform_code = source?.sformCode || SCANNER_CODE
  header.affine = [0, 1, 2, 3].map((row) => affine.slice(4 * row, 4 * row + 4))
  if (rigid !== undefined) {
    header.qform_code = header.sform_code
    ;[header.quatern_b, header.quatern_c, header.quatern_d] = rigid.quaternion
    ;[header.qoffset_x, header.qoffset_y, header.qoffset_z] = affineColumn(affine, 3)
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

import { DataError } from './errors.js'
import { type Affine, affineSpacingMm, checkAffine, type Triple } from './geometry.js'
import type { GridHistory } from './history.js'
import { copyStrided } from './strided-copy.js'
import { allocateVoxels, type VoxelArray, type VoxelType, voxelType } from './voxels.js'

/** What every file says. */
interface SourceCommon {
  /** Path, or the name that the caller gave to bytes. */
  path: string
  /** The type in the file, before any scaling: 'int16', 'float64', 'int64', ... */
  storedDtype: string
  bigEndian: boolean
  /** All axes of the file, the fourth and later ones included. */
  storedShape: number[]
  /** Spacings of all axes as the file states them, in its own units; NaN where it states none. */
  zooms: number[]
  /** value = stored x slope + intercept; 1 and 0 where the header asks for no scaling. */
  slope: number
  intercept: number
  description: string
}

export interface NiftiSource extends SourceCommon {
  format: 'nifti'
  version: 1 | 2
  sformCode: number
  qformCode: number
  /** `xyzt_units`: the unit of length in the lower three bits, that of time in the next three. */
  unitsCode: number
}

export interface NrrdSource extends SourceCommon {
  format: 'nrrd'
  /** The world frame of the header, or the one that the caller chose: 'left-posterior-superior', ... */
  space: string
  /** The `key:=value` pairs. */
  keyValues: Record<string, string>
}

export interface MetaImageSource extends SourceCommon {
  format: 'metaimage'
}

export interface DicomSource extends SourceCommon {
  format: 'dicom'
  modality: string
  studyInstanceUid: string
  seriesInstanceUid: string
  frameOfReferenceUid: string
  seriesDescription: string
  /** Files of the series, in the order of the third array axis. */
  files: string[]
  /** What was wrong and let pass on the caller's word: names of `DicomIssue`. */
  accepted: string[]
}

/** What the file said, kept for provenance and for decisions that depend on the stored type. */
export type VolumeSource = NiftiSource | NrrdSource | MetaImageSource | DicomSource

/**
 * A three-dimensional image on a regular grid, as a view into an array.
 *
 * Voxel (i, j, k) is `data[offset + i*strides[0] + j*strides[1] + k*strides[2]]`. Strides count elements and may be
 * negative, so reading a Fortran-ordered file, reorienting and cropping copy nothing. `contiguous` makes the copy in C
 * order (k fastest) that a tensor needs.
 */
export interface Volume {
  data: VoxelArray
  /** Voxels along the array axes (i, j, k), each at least 1. */
  shape: Triple
  strides: Triple
  /** Index in `data` of voxel (0, 0, 0). */
  offset: number
  /** Voxel index to RAS+ millimetres, 16 numbers, row-major. */
  affine: Affine
  source?: VolumeSource
  /** What has been done to its grid since it was read (see `restoreGrid`). */
  history?: GridHistory
}

/** Strides of a C-ordered array (last axis fastest), in elements. */
export function cOrderStrides(shape: Readonly<Triple>): Triple {
  return [shape[1] * shape[2], shape[2], 1]
}

/** Strides of a Fortran-ordered array (first axis fastest), in elements: the order of NIfTI files. */
export function fortranOrderStrides(shape: Readonly<Triple>): Triple {
  return [1, shape[0], shape[0] * shape[1]]
}

/** A volume around a C-ordered array (k fastest). Throws a DataError when the parts do not fit. */
export function volumeFromArray(data: VoxelArray, shape: Readonly<Triple>, affine: Affine): Volume {
  const volume: Volume = { data, shape: [...shape], strides: cOrderStrides(shape), offset: 0, affine: [...affine] }
  validateVolume(volume)
  if (data.length !== countVoxels(shape)) {
    throw new DataError(`shape ${shape.join(' x ')} needs ${countVoxels(shape)} voxels, the array has ${data.length}`)
  }
  return volume
}

export function countVoxels(shape: Readonly<Triple>): number {
  return shape[0] * shape[1] * shape[2]
}

/** The distance in mm between neighbouring voxels along (i, j, k). */
export function spacingMm(volume: Pick<Volume, 'affine'>): Triple {
  return affineSpacingMm(volume.affine)
}

/** The name of a volume in messages. */
export function volumeName(volume: Pick<Volume, 'source'>): string {
  return volume.source?.path ?? 'volume'
}

/** Throws a DataError unless shape, strides, offset and affine make sense and every voxel lies inside `data`. */
export function validateVolume(volume: Volume): void {
  const { data, shape, strides, offset, affine } = volume
  const path = volumeName(volume)
  voxelType(data)
  if (shape.length !== 3 || !shape.every((size) => Number.isSafeInteger(size) && size >= 1)) {
    throw new DataError(`shape (${shape.join(', ')}) is not three positive whole numbers`, { path })
  }
  if (strides.length !== 3 || !strides.every(Number.isSafeInteger) || !Number.isSafeInteger(offset)) {
    throw new DataError(`strides (${strides.join(', ')}) and offset ${offset} are not whole numbers`, { path })
  }
  let [first, last] = [offset, offset]
  for (const axis of [0, 1, 2] as const) {
    const reach = (shape[axis] - 1) * strides[axis]
    if (reach < 0) first += reach
    else last += reach
  }
  if (first < 0 || last >= data.length) {
    throw new DataError(`voxels lie at ${first} to ${last} of an array with ${data.length} elements`, { path })
  }
  checkAffine(affine, path)
}

/** The value of voxel (i, j, k), which must lie inside the shape. */
export function voxelAt(volume: Volume, i: number, j: number, k: number): number {
  const { strides } = volume
  return volume.data[volume.offset + i * strides[0] + j * strides[1] + k * strides[2]]!
}

function isContiguous({ data, shape, strides, offset }: Volume): boolean {
  const wanted = cOrderStrides(shape)
  // The stride of an axis with one voxel is never used.
  const inOrder = shape.every((size, axis) => size === 1 || strides[axis] === wanted[axis])
  return offset === 0 && data.length === countVoxels(shape) && inOrder
}

/**
 * The same volume with its voxels in C order (k fastest), filling `data` exactly. Shares the data when they already are
 * so. With `type`, values are also converted: floats to integers by truncation toward zero.
 */
export function contiguous(volume: Volume, type: VoxelType = voxelType(volume.data)): Volume {
  validateVolume(volume)
  const strides = cOrderStrides(volume.shape)
  if (isContiguous(volume) && voxelType(volume.data) === type) return { ...volume, strides }
  const data = allocateVoxels(type, countVoxels(volume.shape))
  copyStrided(volume, { data, strides, offset: 0 }, volume.shape)
  return { ...volume, data, strides, offset: 0 }
}

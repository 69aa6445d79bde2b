import { DataError } from './errors.js'

/** Storage of voxel values. 64-bit integers are converted when a file is read. */
export type VoxelArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array

const voxelArrays = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
}

export type VoxelType = keyof typeof voxelArrays

/** The name of an array's element type. Throws a DataError for anything but the eight supported ones. */
export function voxelType(data: VoxelArray): VoxelType {
  for (const [type, arrayClass] of Object.entries(voxelArrays)) {
    if (data instanceof arrayClass) return type as VoxelType
  }
  throw new DataError('the voxels are not in a typed array of 8 to 32-bit integers or floats')
}

export function isIntegerType(type: VoxelType): boolean {
  return type !== 'float32' && type !== 'float64'
}

/** A zero-filled array. Throws a DataError when there is no room for it. */
export function allocateVoxels(type: VoxelType, count: number): VoxelArray {
  try {
    return new voxelArrays[type](count)
  } catch (cause) {
    throw new DataError(`no room for ${count} voxels of type ${type}`, { cause })
  }
}

/** True when storing the value in a voxel changes nothing but, for floats, its last digits. */
export function canHold(type: VoxelType, value: number): boolean {
  return !isIntegerType(type) || allocateVoxels(type, 1).fill(value)[0] === value
}

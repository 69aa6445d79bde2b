import { DataError } from './errors.js'
import type { Triple } from './geometry.js'
import { type NiftiDtype, type NiftiHeader, niftiDtypeBytes } from './nifti-header.js'
import { fortranOrderStrides, type Volume } from './volume.js'
import { allocateVoxels, isIntegerType, type VoxelArray, type VoxelType, voxelType } from './voxels.js'

type StoredArray = VoxelArray | BigInt64Array | BigUint64Array

const storedArrays: Record<
  NiftiDtype,
  new (
    buffer: ArrayBufferLike,
    byteOffset: number,
    length: number,
  ) => StoredArray
> = {
  uint8: Uint8Array,
  int16: Int16Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
}

/** Integer types that scaled integers may take, narrowest first, with their limits. */
const SCALED_INTEGERS: readonly [VoxelType, number, number][] = [
  ['int16', -(2 ** 15), 2 ** 15 - 1],
  ['int32', -(2 ** 31), 2 ** 31 - 1],
]

/**
 * One three-dimensional volume of a NIfTI file. `bytes` is the uncompressed file, or the .img file of a pair.
 *
 * Unscaled voxels keep their stored type, in Fortran order as the file has them, and are a view of `bytes` where
 * alignment and byte order allow. 64-bit integers become int32 if all fit, else float64. Scaled voxels are float32
 * (computed in float64), except that integers with slope 1 and a whole intercept stay integers: int16 or int32,
 * whichever holds them all.
 *
 * A file with several volumes (time points) needs `index`. Throws a DataError when the voxels are not all there.
 */
export function decodeNifti(header: NiftiHeader, bytes: Uint8Array, name: string, index?: number): Volume {
  const available = bytes.length - header.voxelOffset
  if (available < header.voxelBytes) {
    throw new DataError(
      `shape ${header.shape.join(' x ')} of ${header.storedDtype} needs ${header.voxelBytes} bytes from byte ` +
        `${header.voxelOffset}, but only ${Math.max(0, available)} are there`,
      { path: name, remedy: 'The file is truncated or its header is wrong; fetch it again' },
    )
  }
  const shape = [0, 1, 2].map((axis) => header.shape[axis] ?? 1) as Triple
  const count = shape[0] * shape[1] * shape[2]
  const which = volumeIndex(header, index, name)
  const itemBytes = niftiDtypeBytes[header.storedDtype]
  const start = header.voxelOffset + which * count * itemBytes
  const stored = storedVoxels(bytes.subarray(start, start + count * itemBytes), header)
  return {
    data: scaledVoxels(stored, header),
    shape,
    strides: fortranOrderStrides(shape),
    offset: 0,
    affine: header.affine,
    source: {
      path: name,
      format: 'nifti',
      version: header.version,
      storedDtype: header.storedDtype,
      bigEndian: !header.littleEndian,
      storedShape: header.shape,
      zooms: header.zooms,
      sformCode: header.sformCode,
      qformCode: header.qformCode,
      slope: header.slope,
      intercept: header.intercept,
      description: header.description,
    },
  }
}

/** Which volume of the file is wanted: the only one, or `index`. */
function volumeIndex(header: NiftiHeader, index: number | undefined, name: string): number {
  const volumes = header.shape.slice(3).reduce((product, size) => product * size, 1)
  if (index === undefined) {
    if (volumes === 1) return 0
    throw new DataError(`the file holds ${volumes} volumes (shape ${header.shape.join(' x ')})`, {
      path: name,
      remedy: `Choose one with the option index, 0 to ${volumes - 1}`,
    })
  }
  if (Number.isSafeInteger(index) && index >= 0 && index < volumes) return index
  throw new DataError(`there is no volume ${index}`, {
    path: name,
    remedy: volumes === 1 ? 'The file holds one volume, index 0' : `Choose an index from 0 to ${volumes - 1}`,
  })
}

/** The bytes as a typed array in this machine's order: a view if possible, a copy otherwise. */
function storedVoxels(bytes: Uint8Array, header: NiftiHeader): StoredArray {
  const itemBytes = niftiDtypeBytes[header.storedDtype]
  const swap = !header.littleEndian && itemBytes > 1
  // The copying constructor, since Buffer.slice would share memory with the caller.
  const own = swap || bytes.byteOffset % itemBytes !== 0 ? new Uint8Array(bytes) : bytes
  if (swap) reverseItems(own, itemBytes)
  return new storedArrays[header.storedDtype](own.buffer, own.byteOffset, own.length / itemBytes)
}

/** Reverses the bytes of every item, in place. */
function reverseItems(bytes: Uint8Array, itemBytes: number): void {
  for (let start = 0; start < bytes.length; start += itemBytes) {
    for (let low = start, high = start + itemBytes - 1; low < high; low++, high--) {
      const byte = bytes[low]!
      bytes[low] = bytes[high]!
      bytes[high] = byte
    }
  }
}

/** 64-bit integers as int32 when all fit, otherwise as float64 (rounded beyond 2^53). */
function narrowBigIntegers(stored: BigInt64Array | BigUint64Array): Int32Array | Float64Array {
  const values = new Float64Array(stored.length)
  let fits = true
  for (let n = 0; n < values.length; n++) {
    const value = Number(stored[n]!)
    values[n] = value
    fits &&= value === (value | 0)
  }
  return fits ? Int32Array.from(values) : values
}

function scaledVoxels(stored: StoredArray, { slope, intercept }: NiftiHeader): VoxelArray {
  const voxels =
    stored instanceof BigInt64Array || stored instanceof BigUint64Array ? narrowBigIntegers(stored) : stored
  if (slope === 1 && intercept === 0) return voxels
  const scaled = allocateVoxels(scaledType(voxels, slope, intercept), voxels.length)
  for (let n = 0; n < scaled.length; n++) scaled[n] = voxels[n]! * slope + intercept
  return scaled
}

function scaledType(voxels: VoxelArray, slope: number, intercept: number): VoxelType {
  if (slope !== 1 || !Number.isInteger(intercept) || !isIntegerType(voxelType(voxels))) return 'float32'
  let low = voxels[0]!
  let high = low
  for (let n = 1; n < voxels.length; n++) {
    const value = voxels[n]!
    if (value < low) low = value
    else if (value > high) high = value
  }
  const fitting = SCALED_INTEGERS.find(([, least, most]) => low + intercept >= least && high + intercept <= most)
  return fitting?.[0] ?? 'float32'
}

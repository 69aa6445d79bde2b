import { DataError } from './errors.js'
import type { Affine, Triple } from './geometry.js'
import type { Volume, VolumeSource } from './volume.js'
import { allocateVoxels, isIntegerType, type VoxelArray, type VoxelType, voxelType } from './voxels.js'

/** Bytes per voxel of the types that files hold and this package reads. */
export const storedDtypeBytes = {
  uint8: 1,
  int16: 2,
  int32: 4,
  float32: 4,
  float64: 8,
  int8: 1,
  uint16: 2,
  uint32: 4,
  int64: 8,
  uint64: 8,
} as const

export type StoredDtype = keyof typeof storedDtypeBytes

/** How the voxels of a file are stored. */
export interface StoredLayout {
  dtype: StoredDtype
  littleEndian: boolean
  /** value = stored x slope + intercept. */
  slope: number
  intercept: number
  /** Elements from one voxel to the next along the three axes of a volume. */
  strides: Triple
  /** Three-dimensional volumes in the file, each at least one. */
  volumes: number
  /** Elements from one volume to the next. */
  volumeStride: number
}

/** What the header of a file says about the volumes in it. */
export interface VolumeHeader {
  shape: Triple
  /** Voxel index to RAS+ millimetres. */
  affine: Affine
  layout: StoredLayout
  source: VolumeSource
}

/** Bytes of the voxels, counted from the first voxel of the first volume. */
export interface ByteRange {
  start: number
  length: number
}

type StoredArray = VoxelArray | BigInt64Array | BigUint64Array

const storedArrays: Record<
  StoredDtype,
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

/** Bytes of all voxels of all volumes. */
export function storedBytes({ shape, layout }: Pick<VolumeHeader, 'shape' | 'layout'>): number {
  return shape[0] * shape[1] * shape[2] * layout.volumes * storedDtypeBytes[layout.dtype]
}

/** The bytes that have to be read for one volume: its own where volumes follow each other, all where they interleave. */
export function volumeBytes({ shape, layout }: Pick<VolumeHeader, 'shape' | 'layout'>, index: number): ByteRange {
  const count = shape[0] * shape[1] * shape[2]
  const itemBytes = storedDtypeBytes[layout.dtype]
  if (layout.volumeStride >= count) return { start: index * layout.volumeStride * itemBytes, length: count * itemBytes }
  return { start: 0, length: count * layout.volumes * itemBytes }
}

/** Which volume of a file is wanted: the only one, or `index`. Throws a DataError when that is not clear. */
export function chooseVolume({ layout, source }: VolumeHeader, index: number | undefined): number {
  const { volumes } = layout
  const path = source.path
  if (index === undefined) {
    if (volumes === 1) return 0
    throw new DataError(`the file holds ${volumes} volumes (shape ${source.storedShape.join(' x ')})`, {
      path,
      remedy: `Choose one with the option index, 0 to ${volumes - 1}`,
    })
  }
  if (Number.isSafeInteger(index) && index >= 0 && index < volumes) return index
  throw new DataError(`there is no volume ${index}`, {
    path,
    remedy: volumes === 1 ? 'The file holds one volume, index 0' : `Choose an index from 0 to ${volumes - 1}`,
  })
}

/**
 * The volume in `bytes`, which are those of `volumeBytes(header, index)`. Takes the bytes over: they may become the
 * voxels, and are swapped in place when the byte order is the other one.
 *
 * Unscaled voxels keep their stored type. 64-bit integers become int32 if all fit, else float64. Scaled voxels are
 * float32 (computed in float64), except that integers with slope 1 and a whole intercept stay integers: int16 or int32,
 * whichever holds them all.
 */
export function decodeVolume(header: VolumeHeader, index: number, bytes: Uint8Array): Volume {
  const { shape, affine, layout, source } = header
  const itemBytes = storedDtypeBytes[layout.dtype]
  if (!layout.littleEndian && itemBytes > 1) swapBytes(bytes, itemBytes)
  const stored = new storedArrays[layout.dtype](bytes.buffer, bytes.byteOffset, bytes.length / itemBytes)
  const interleaved = stored.length > shape[0] * shape[1] * shape[2]
  return {
    data: scaledVoxels(stored, layout),
    shape,
    strides: layout.strides,
    offset: interleaved ? index * layout.volumeStride : 0,
    affine,
    source,
  }
}

/** Reverses the bytes of every item, in place. */
export function swapBytes(bytes: Uint8Array, itemBytes: number): void {
  if (itemBytes === 2) {
    const items = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
    for (let n = 0; n < items.length; n++) items[n] = (items[n]! << 8) | (items[n]! >>> 8)
    return
  }
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  const swapped = (word: number) => (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
  if (itemBytes === 4) for (let n = 0; n < words.length; n++) words[n] = swapped(words[n]!)
  else {
    for (let n = 0; n < words.length; n += 2) {
      const low = words[n]!
      words[n] = swapped(words[n + 1]!)
      words[n + 1] = swapped(low)
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

/** The values that the file means. Reuses the memory of `stored` where the types are equally wide. */
function scaledVoxels(stored: StoredArray, { slope, intercept }: StoredLayout): VoxelArray {
  const voxels =
    stored instanceof BigInt64Array || stored instanceof BigUint64Array ? narrowBigIntegers(stored) : stored
  if (slope === 1 && intercept === 0) return voxels
  const type = scaledType(voxels, slope, intercept)
  const scaled =
    storedDtypeBytes[type] === voxels.BYTES_PER_ELEMENT
      ? (new storedArrays[type](voxels.buffer, voxels.byteOffset, voxels.length) as VoxelArray)
      : allocateVoxels(type, voxels.length)
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

import { bfloat16ToFloat32, float16ToFloat32 } from '../numeric/half.js'
import { DataError } from './errors.js'

export type TensorArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array

type TensorArrayClass = {
  readonly BYTES_PER_ELEMENT: number
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TensorArray
}

/**
 * The array class of every dtype that is read and written, in the canonical order of the format's own Rust library
 * (widest first). Half floats are bit patterns in a Uint16Array (half.ts), 8-bit floats in a Uint8Array.
 */
export const safetensorsArrays = {
  U64: BigUint64Array,
  I64: BigInt64Array,
  F64: Float64Array,
  F32: Float32Array,
  U32: Uint32Array,
  I32: Int32Array,
  BF16: Uint16Array,
  F16: Uint16Array,
  U16: Uint16Array,
  I16: Int16Array,
  F8_E8M0: Uint8Array,
  F8_E4M3: Uint8Array,
  F8_E5M2: Uint8Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const satisfies Record<string, TensorArrayClass>

export type SafetensorsDtype = keyof typeof safetensorsArrays

const canonicalOrder = Object.keys(safetensorsArrays)

export interface SafetensorsHeader {
  dtype: SafetensorsDtype
  shape: number[]
}

/** A tensor with its values in C order. */
export interface SafetensorsTensor extends SafetensorsHeader {
  data: TensorArray
}

export function isSafetensorsDtype(dtype: unknown): dtype is SafetensorsDtype {
  return typeof dtype === 'string' && Object.hasOwn(safetensorsArrays, dtype)
}

export function safetensorsItemBytes(dtype: SafetensorsDtype): number {
  return safetensorsArrays[dtype].BYTES_PER_ELEMENT
}

/** Position of a dtype in a canonical file, from 0 for the first. */
export function safetensorsRank(dtype: SafetensorsDtype): number {
  return canonicalOrder.indexOf(dtype)
}

/**
 * Raw bytes as the array of a dtype: a view where the alignment allows, otherwise a copy. Safetensors files are
 * little-endian, as is every machine that runs JavaScript in practice.
 */
export function tensorArrayFromBytes(dtype: SafetensorsDtype, bytes: Uint8Array): TensorArray {
  const itemBytes = safetensorsItemBytes(dtype)
  const aligned = bytes.byteOffset % itemBytes === 0 ? bytes : new Uint8Array(bytes)
  const arrayClass: TensorArrayClass = safetensorsArrays[dtype]
  return new arrayClass(aligned.buffer, aligned.byteOffset, aligned.length / itemBytes)
}

/**
 * The values as float32: the tensor's own array for F32, otherwise a new one. F64 and wide integers are rounded to
 * nearest, BOOL gives 0 and 1. Throws a DataError for 8-bit floats, which have no conversion here.
 */
export function toFloat32(tensor: SafetensorsTensor): Float32Array {
  const numbers = plainNumbers(tensor)
  return numbers instanceof Float32Array ? numbers : convert(numbers, new Float32Array(numbers.length))
}

/** The same as float64, which holds every dtype but the largest 64-bit integers exactly. */
export function toFloat64(tensor: SafetensorsTensor): Float64Array {
  const numbers = plainNumbers(tensor)
  return numbers instanceof Float64Array ? numbers : convert(numbers, new Float64Array(numbers.length))
}

/** The data with half floats decoded. */
function plainNumbers({ dtype, data }: SafetensorsTensor): TensorArray {
  if (dtype === 'F16') return float16ToFloat32(data as Uint16Array)
  if (dtype === 'BF16') return bfloat16ToFloat32(data as Uint16Array)
  if (!dtype.startsWith('F8')) return data
  throw new DataError(`${dtype} tensors have no conversion to wider floats`, {
    remedy: 'Store the tensor as F16 or F32',
  })
}

function convert<Target extends Float32Array | Float64Array>(numbers: TensorArray, target: Target): Target {
  for (let n = 0; n < target.length; n++) target[n] = Number(numbers[n]!)
  return target
}

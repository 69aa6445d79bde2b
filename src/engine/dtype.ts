import { float16ToFloat32, float32ToFloat16 } from '../numeric/half.js'
import { DTypeError } from './errors.js'

/** Element types of a tensor. Booleans are `u32` with 0 and 1; indices are `i32`. */
export type DType = 'f32' | 'f16' | 'i32' | 'u32'

/** What {@link Tensor.data} gives: f16 is decoded to float32. */
export type TensorData = Float32Array | Int32Array | Uint32Array

/** What a tensor can be made of. Plain arrays are converted; typed arrays are taken as they are. */
export type TensorSource = ArrayLike<number>

export function bytesPerElement(dtype: DType): 2 | 4 {
  return dtype === 'f16' ? 2 : 4
}

export function isFloat(dtype: DType): boolean {
  return dtype === 'f32' || dtype === 'f16'
}

/** Values as the device stores them, padded to a multiple of four bytes because WebGPU writes whole words. */
export function encodeElements(values: TensorSource, dtype: DType): Uint8Array<ArrayBuffer> {
  if (dtype === 'f16') {
    const halves = values instanceof Uint16Array ? values : float32ToFloat16(toFloat32(values))
    const padded = new Uint16Array(halves.length + (halves.length & 1))
    padded.set(halves)
    return new Uint8Array(padded.buffer)
  }
  const typed = dtype === 'f32' ? toFloat32(values) : dtype === 'i32' ? toInt32(values) : toUint32(values)
  return new Uint8Array(typed.buffer as ArrayBuffer, typed.byteOffset, typed.byteLength)
}

const toFloat32 = (v: TensorSource) => (v instanceof Float32Array ? v : Float32Array.from(v))
const toInt32 = (v: TensorSource) => (v instanceof Int32Array ? v : Int32Array.from(v))
const toUint32 = (v: TensorSource) => (v instanceof Uint32Array ? v : Uint32Array.from(v))

/** The inverse of {@link encodeElements}; `bytes` may carry padding behind the last element. */
export function decodeElements(bytes: ArrayBuffer, dtype: DType, count: number): TensorData {
  switch (dtype) {
    case 'f32':
      return new Float32Array(bytes, 0, count)
    case 'i32':
      return new Int32Array(bytes, 0, count)
    case 'u32':
      return new Uint32Array(bytes, 0, count)
    case 'f16':
      return float16ToFloat32(new Uint16Array(bytes, 0, count))
  }
}

/** Throws unless every tensor has one of `allowed`. */
export function checkDType(op: string, allowed: readonly DType[], ...tensors: readonly { dtype: DType }[]): void {
  for (const { dtype } of tensors) {
    if (!allowed.includes(dtype)) throw new DTypeError(`${op}: takes ${allowed.join(' or ')}, got ${dtype}`)
  }
}

import { float32ToBfloat16, float32ToFloat16 } from '../../numeric/half.js'
import { DataError } from '../errors.js'
import { type SafetensorsDtype, type SafetensorsTensor, toFloat32 } from '../safetensors-dtypes.js'

/** Types that floats can be stored as. */
export type FloatDtype = 'F32' | 'F16' | 'BF16'

/** What a tensor becomes: floats the wanted type, everything else stays as it is. 8-bit floats stay, too. */
export function castDtype(dtype: SafetensorsDtype, wanted: FloatDtype | undefined): SafetensorsDtype {
  const isFloat = dtype === 'F64' || dtype === 'F32' || dtype === 'F16' || dtype === 'BF16'
  return wanted !== undefined && isFloat ? wanted : dtype
}

/**
 * A tensor with floats of the wanted type, each rounded to nearest (from F64 over F32, as PyTorch does). Throws a DataError
 * where a finite number would become infinite.
 */
export function castTensor(tensor: SafetensorsTensor, wanted: FloatDtype | undefined, name: string): SafetensorsTensor {
  const dtype = castDtype(tensor.dtype, wanted)
  if (dtype === tensor.dtype) return tensor
  const { shape } = tensor
  const values = toFloat32(tensor)
  if (tensor.dtype === 'F64') checkFinite(tensor.data as Float64Array, values.length, (n) => values[n]!, name, 'F32')
  if (dtype === 'F32') return { dtype, shape, data: values }
  const data = dtype === 'F16' ? float32ToFloat16(values) : float32ToBfloat16(values)
  // The exponent of all ones: infinite, or no number.
  const mask = dtype === 'F16' ? 0x7c00 : 0x7f80
  checkFinite(values, values.length, (n) => ((data[n]! & mask) === mask ? Number.NaN : 0), name, dtype)
  return { dtype, shape, data }
}

function checkFinite(
  before: ArrayLike<number>,
  length: number,
  after: (n: number) => number,
  name: string,
  dtype: string,
): void {
  for (let n = 0; n < length; n++) {
    if (Number.isFinite(after(n)) || !Number.isFinite(before[n]!)) continue
    const remedy = 'Keep its type, or leave it out (--exclude)'
    throw new DataError(`${before[n]} is too large for ${dtype}`, { path: `tensor '${name}'`, remedy })
  }
}

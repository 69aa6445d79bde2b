import type { SafetensorsDtype } from '../safetensors-dtypes.js'

/** An element type of PyTorch. */
export interface TorchDtype {
  readonly name: string
  readonly itemBytes: number
  /** The same type here; types without one are listed with their tensors, and refused when these are read. */
  readonly dtype?: SafetensorsDtype
}

const rows: readonly (readonly [string, number, SafetensorsDtype?])[] = [
  ['float64', 8, 'F64'],
  ['float32', 4, 'F32'],
  ['float16', 2, 'F16'],
  ['bfloat16', 2, 'BF16'],
  ['float8_e4m3fn', 1, 'F8_E4M3'],
  ['float8_e5m2', 1, 'F8_E5M2'],
  ['float8_e8m0fnu', 1, 'F8_E8M0'],
  ['float8_e4m3fnuz', 1],
  ['float8_e5m2fnuz', 1],
  ['float4_e2m1fn_x2', 1],
  ['int64', 8, 'I64'],
  ['int32', 4, 'I32'],
  ['int16', 2, 'I16'],
  ['int8', 1, 'I8'],
  ['uint64', 8, 'U64'],
  ['uint32', 4, 'U32'],
  ['uint16', 2, 'U16'],
  ['uint8', 1, 'U8'],
  ['bool', 1, 'BOOL'],
  ['complex32', 4],
  ['complex64', 8],
  ['complex128', 16],
  ['qint8', 1],
  ['quint8', 1],
  ['qint32', 4],
]

export const torchDtypes: ReadonlyMap<string, TorchDtype> = new Map(
  rows.map(([name, itemBytes, dtype]) => [name, { name, itemBytes, ...(dtype ? { dtype } : {}) }]),
)

/** Element types by the storage class that stands for them in a checkpoint. */
export const storageDtypes: Readonly<Record<string, string>> = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
  ComplexFloatStorage: 'complex64',
  ComplexDoubleStorage: 'complex128',
  QInt8Storage: 'qint8',
  QUInt8Storage: 'quint8',
  QInt32Storage: 'qint32',
}

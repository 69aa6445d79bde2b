/** Fields of a hand-made NIfTI file; what is not given is sound. */
export interface NiftiFields {
  version?: 1 | 2
  littleEndian?: boolean
  magic?: string
  /** dim[0] and the lengths. */
  dims?: number[]
  datatype?: number
  pixdims?: number[]
  voxelOffset?: number
  slope?: number
  intercept?: number
  units?: number
  qformCode?: number
  sformCode?: number
  quaternion?: [number, number, number]
  quaternionOffset?: [number, number, number]
  srows?: number[]
  /** Raw bytes of the voxels. */
  data?: Uint8Array
}

/** Writes a header field by field, independently of the code under test. */
export function niftiBytes(fields: NiftiFields = {}): Uint8Array {
  const { version = 1, littleEndian = true, dims = [3, 2, 3, 4], datatype = 4 } = fields
  const first = version === 1 ? 352 : 544
  const { data = new Uint8Array(48), voxelOffset = first } = fields
  const bytes = new Uint8Array(Math.max(first, Math.min(voxelOffset || 0, 4096)) + data.length)
  const view = new DataView(bytes.buffer)
  const short = (at: number, value: number) => view.setInt16(at, value, littleEndian)
  const real = (at: number, value: number) =>
    version === 1 ? view.setFloat32(at, value, littleEndian) : view.setFloat64(at, value, littleEndian)
  const code = (at: number, value: number) =>
    version === 1 ? view.setInt16(at, value, littleEndian) : view.setInt32(at, value, littleEndian)
  const layout =
    version === 1
      ? {
          magic: 344,
          dims: 40,
          type: 70,
          pixdims: 76,
          offset: 108,
          slope: 112,
          units: 123,
          codes: 252,
          quaternion: 256,
          srows: 280,
          real: 4,
          code: 2,
        }
      : {
          magic: 4,
          dims: 16,
          type: 12,
          pixdims: 104,
          offset: 168,
          slope: 176,
          units: 500,
          codes: 344,
          quaternion: 352,
          srows: 400,
          real: 8,
          code: 4,
        }

  view.setInt32(0, version === 1 ? 348 : 540, littleEndian)
  bytes.set(new TextEncoder().encode(fields.magic ?? `n+${version}\0`), layout.magic)
  dims.forEach((value, n) => {
    if (version === 1) short(layout.dims + 2 * n, value)
    else view.setBigInt64(layout.dims + 8 * n, BigInt(value), littleEndian)
  })
  short(layout.type, datatype)
  const pixdims = fields.pixdims ?? [1, 1, 1, 1, 1, 1, 1, 1]
  pixdims.forEach((value, n) => {
    real(layout.pixdims + layout.real * n, value)
  })
  if (version === 1) real(layout.offset, voxelOffset)
  else view.setBigInt64(layout.offset, BigInt(voxelOffset), littleEndian)
  real(layout.slope, fields.slope ?? 0)
  real(layout.slope + layout.real, fields.intercept ?? 0)
  if (version === 1) bytes[layout.units] = fields.units ?? 2
  else view.setInt32(layout.units, fields.units ?? 2, littleEndian)
  code(layout.codes, fields.qformCode ?? 0)
  code(layout.codes + layout.code, fields.sformCode ?? 1)
  const quaternion = [...(fields.quaternion ?? [0, 0, 0]), ...(fields.quaternionOffset ?? [0, 0, 0])]
  quaternion.forEach((value, n) => {
    real(layout.quaternion + layout.real * n, value)
  })
  const srows = fields.srows ?? [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]
  srows.forEach((value, n) => {
    real(layout.srows + layout.real * n, value)
  })
  bytes.set(data, bytes.length - data.length)
  return bytes
}

/** The bytes of an array in the wanted byte order. */
export function arrayBytes(array: ArrayBufferView & { BYTES_PER_ELEMENT: number }, littleEndian = true): Uint8Array {
  const bytes = new Uint8Array(array.buffer.slice(array.byteOffset, array.byteOffset + array.byteLength))
  if (!littleEndian) {
    for (let n = 0; n < bytes.length; n += array.BYTES_PER_ELEMENT)
      bytes.subarray(n, n + array.BYTES_PER_ELEMENT).reverse()
  }
  return bytes
}

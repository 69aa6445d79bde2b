import { swapByteOrder } from '../byte-order.js'
import { writeFileAtomically } from '../files.js'
import { gather } from '../gather.js'
import { type ByteInput, readRange, withSource } from '../ranges.js'
import { tensorBytes } from '../safetensors.js'
import { type SafetensorsTensor, safetensorsItemBytes, tensorArrayFromBytes } from '../safetensors-dtypes.js'
import { encodeNpyHeader, MOST_NPY_HEADER_BYTES, type NpyHeader, parseNpyHeader } from './npy-header.js'

/** The tensor of an array's values, which may be changed in place. */
export function decodeNpy({ dtype, shape, bigEndian, fortranOrder }: NpyHeader, values: Uint8Array): SafetensorsTensor {
  const itemBytes = safetensorsItemBytes(dtype)
  if (bigEndian) swapByteOrder(values, itemBytes)
  const bytes =
    fortranOrder && shape.length > 1 ? gather(values, itemBytes, { shape, strides: firstFastest(shape) }) : values
  return { dtype, shape: [...shape], data: tensorArrayFromBytes(dtype, bytes) }
}

function firstFastest(shape: readonly number[]): number[] {
  let stride = 1
  return shape.map((size) => {
    stride *= size
    return stride / Math.max(size, 1)
  })
}

/**
 * Reads a `.npy` file into a tensor in C order: numbers of any width and byte order, and booleans. Throws a
 * NotSupportedDataError for complex numbers, text, objects and records, and a DataError for damaged files.
 */
export async function readNpy(input: ByteInput): Promise<SafetensorsTensor> {
  return await withSource(input, async (source) => {
    await using file = source
    const start = await readRange(file, 0, Math.min(file.size, MOST_NPY_HEADER_BYTES))
    const header = parseNpyHeader(start, file.size, file.name)
    return decodeNpy(header, await readRange(file, header.dataStart, file.size - header.dataStart))
  })
}

/**
 * Writes a `.npy` file (version 1, little-endian, C order) under a temporary name and renames it. Throws a DataError for
 * types that NumPy does not have (BF16, 8-bit floats).
 */
export async function writeNpy(path: string, tensor: SafetensorsTensor): Promise<void> {
  await writeFileAtomically(path, encodeNpy(tensor, path))
}

/** The pieces of a `.npy` file; the values are not copied. */
export function encodeNpy(tensor: SafetensorsTensor, name: string): Uint8Array[] {
  return [encodeNpyHeader(tensor, name), tensorBytes(name, tensor)]
}

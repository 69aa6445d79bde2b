import { type SafetensorsHeader, type SafetensorsTensor, toFloat32 } from '../safetensors-dtypes.js'

/** Weights from a file of any format, read tensor by tensor. Close it when done, or declare it with `await using`. */
export interface WeightSource extends AsyncDisposable {
  /** Shown in messages. */
  readonly path: string
  readonly format: 'safetensors' | 'torch' | 'npz' | 'npy'
  readonly names: readonly string[]
  /** Text that a safetensors file carries; empty for the others. */
  readonly metadata: Readonly<Record<string, string>>
  /** Groups of names that share memory in a PyTorch checkpoint. */
  readonly sharing: readonly (readonly string[])[]
  /** What a PyTorch checkpoint holds beside tensors (`epoch`, `config`), by its outermost keys. */
  readonly otherValues: readonly string[]
  /** Throws a DataError for an unknown name, and for a tensor that has no counterpart here. */
  header(name: string): SafetensorsHeader
  /** One tensor, in C order. Throws as `header` does, and when the file is damaged. */
  read(name: string): Promise<SafetensorsTensor>
  /** The same as float32. */
  readFloat32(name: string): Promise<Float32Array>
  /**
   * The raw bytes of one tensor into memory of the caller, of exactly its length, so that a whole model goes through one
   * buffer. Only where the format stores tensors in C order and in one piece.
   */
  readInto?(name: string, target: Uint8Array): Promise<void>
}

/** What differs from format to format. */
export interface WeightFile extends AsyncDisposable {
  readonly path: string
  readonly names: readonly string[]
  header(name: string): SafetensorsHeader
  read(name: string): Promise<SafetensorsTensor>
  readInto?(name: string, target: Uint8Array): Promise<void>
}

/** The source of a file that is open. */
export function weightSource(
  file: WeightFile,
  format: WeightSource['format'],
  details: Partial<Pick<WeightSource, 'metadata' | 'sharing' | 'otherValues'>> = {},
): WeightSource {
  return {
    path: file.path,
    format,
    names: file.names,
    metadata: {},
    sharing: [],
    otherValues: [],
    ...details,
    header: (name) => file.header(name),
    read: (name) => file.read(name),
    readFloat32: async (name) => toFloat32(await file.read(name)),
    ...(file.readInto && { readInto: (name: string, target: Uint8Array) => file.readInto!(name, target) }),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  }
}

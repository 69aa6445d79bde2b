import type { Node } from './autograd.js'
import type { Device } from './device.js'
import {
  bytesPerElement,
  type DType,
  decodeElements,
  encodeElements,
  type TensorData,
  type TensorSource,
} from './dtype.js'
import { DisposedError, NotSupportedError, ShapeError } from './errors.js'
import { Storage } from './memory.js'
import { adopt, type Disposable, keep } from './scope.js'
import { checkShape, formatShape, type Shape, sizeOf } from './shape.js'

/** Shape and element type: what an operation's shape rule computes. */
export interface TensorSpec {
  readonly shape: Shape
  readonly dtype: DType
}

/**
 * A contiguous row-major array on a device. Volumes are channels-last `[N, D, H, W, C]`, tokens `[N, T, C]`.
 *
 * A tensor lives until `dispose()`, the end of its `scope` or of its `using` block. Its values are read with
 * `await tensor.data()`; everything else is recorded and runs when something is read or the device is flushed.
 */
export class Tensor implements TensorSpec, Disposable {
  readonly device: Device
  readonly shape: Shape
  readonly dtype: DType
  /** Number of elements. */
  readonly size: number
  /** Accumulated gradient of a leaf with `requiresGrad`; always f32. */
  grad: Tensor | undefined
  /** Where this value came from, when the tape is on. */
  node: Node | undefined
  /** Which output of `node` this is. */
  nodeOutput = 0
  owner?: Disposable['owner']
  readonly #storage: Storage
  #requiresGrad = false
  #disposed = false

  /** Not for applications: use {@link tensor}, {@link zeros}, or an operation. */
  constructor(device: Device, shape: Shape, dtype: DType, storage: Storage) {
    this.device = device
    this.shape = shape
    this.dtype = dtype
    this.size = sizeOf(shape)
    this.#storage = storage
    adopt(this)
  }

  get disposed(): boolean {
    return this.#disposed
  }

  /** Bytes of the elements; the buffer behind may be larger. */
  get byteLength(): number {
    return this.size * bytesPerElement(this.dtype)
  }

  /** The memory behind this tensor. Throws {@link DisposedError} after `dispose()`. */
  get storage(): Storage {
    if (this.#disposed) {
      throw new DisposedError(
        `a ${this.dtype} tensor of shape ${formatShape(this.shape)} was used after it was disposed: ` +
          'return it from its scope, or keep() it',
      )
    }
    return this.#storage
  }

  /** True for leaves that were asked to, and for everything computed from them while the tape is on. */
  get requiresGrad(): boolean {
    return this.#requiresGrad || this.node !== undefined
  }

  /** Makes this tensor a leaf whose gradient `backward` accumulates in `grad`. Returns itself. */
  setRequiresGrad(value = true): this {
    this.#requiresGrad = value
    return this
  }

  /** The same memory under another shape, unknown to the tape; both must be disposed. */
  alias(shape: Shape = this.shape): Tensor {
    if (sizeOf(shape) !== this.size) {
      throw new ShapeError(`reshape: ${formatShape(this.shape)} does not have the elements of ${formatShape(shape)}`)
    }
    return new Tensor(this.device, shape, this.dtype, this.storage.retain())
  }

  /** The same values, cut off from the tape. */
  detach(): Tensor {
    return this.alias()
  }

  /**
   * The values on the host; f16 is decoded to float32. Submits what was recorded and waits for it. Rejects with the
   * typed error of whatever failed on the device since the last wait.
   */
  async data(): Promise<TensorData> {
    if (this.size === 0) {
      void this.storage
      await this.device.sync()
      return decodeElements(new ArrayBuffer(0), this.dtype, 0)
    }
    const bytes = await this.device.read(this.storage, this.byteLength)
    return decodeElements(bytes, this.dtype, this.size)
  }

  /** The value of a tensor with one element. */
  async item(): Promise<number> {
    if (this.size !== 1) throw new ShapeError(`item: takes one element, the shape is ${formatShape(this.shape)}`)
    return (await this.data())[0]!
  }

  /** Overwrites the values in place. The tape refuses to go back through values that changed. */
  write(values: TensorSource): this {
    if (values.length !== this.size) {
      throw new ShapeError(
        `write: ${values.length} values for shape ${formatShape(this.shape)} of ${this.size} elements`,
      )
    }
    this.storage.version++
    if (this.size > 0) this.device.upload(this.storage, encodeElements(values, this.dtype))
    return this
  }

  /** Frees the memory once nothing else (views, the tape) needs it. Safe to call twice. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    keep(this)
    this.#storage.release()
    this.node?.release()
    this.node = undefined
    this.grad?.dispose()
    this.grad = undefined
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  toString(): string {
    return `Tensor(${this.dtype} ${formatShape(this.shape)})`
  }
}

export interface TensorOptions {
  readonly dtype?: DType
  readonly requiresGrad?: boolean
}

/** An uninitialised tensor: its values are whatever the memory held. For operations that write every element. */
export function empty(device: Device, shape: Shape, dtype: DType = 'f32'): Tensor {
  checkShape('empty', shape)
  device.checkUsable()
  if (dtype === 'f16' && !device.capabilities.f16) {
    throw new NotSupportedError('f16 tensors need the shader-f16 feature, which this adapter lacks: use f32')
  }
  const storage = new Storage(device.pool, Math.max(4, sizeOf(shape) * bytesPerElement(dtype)))
  return new Tensor(device, [...shape], dtype, storage)
}

/** A tensor of `values` in row-major order. f16 takes numbers, or 16-bit patterns in a Uint16Array. */
export function tensor(
  device: Device,
  values: TensorSource | number,
  shape?: Shape,
  options: TensorOptions = {},
): Tensor {
  const list = typeof values === 'number' ? [values] : values
  const extents = shape ?? (typeof values === 'number' ? [] : [list.length])
  checkShape('tensor', extents)
  if (list.length !== sizeOf(extents)) {
    throw new ShapeError(
      `tensor: ${list.length} values for shape ${formatShape(extents)} of ${sizeOf(extents)} elements`,
    )
  }
  const dtype = options.dtype ?? dtypeOf(list)
  const result = empty(device, extents, dtype)
  if (result.size > 0) device.upload(result.storage, encodeElements(list, dtype))
  return result.setRequiresGrad(options.requiresGrad ?? false)
}

/** A tensor of zeros. */
export function zeros(device: Device, shape: Shape, options: TensorOptions = {}): Tensor {
  const result = empty(device, shape, options.dtype)
  device.clear(result.storage)
  return result.setRequiresGrad(options.requiresGrad ?? false)
}

/** A tensor with one value everywhere. */
export function full(device: Device, shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  checkShape('full', shape)
  return tensor(device, new Float32Array(sizeOf(shape)).fill(value), shape, { dtype: 'f32', ...options })
}

function dtypeOf(values: TensorSource): DType {
  if (values instanceof Int32Array) return 'i32'
  if (values instanceof Uint32Array) return 'u32'
  return 'f32'
}

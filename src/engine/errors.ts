/**
 * Every error that voxgrad throws on purpose. Messages name the operation, the shapes or limits involved, and a remedy.
 */
export class VoxgradError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** Shapes or options of an operation do not fit together. */
export class ShapeError extends VoxgradError {}

/** An operation got an element type it does not take. */
export class DTypeError extends VoxgradError {}

/** A tensor, scope or device was used after it was disposed. */
export class DisposedError extends VoxgradError {}

/** Tensors of two devices met in one operation. */
export class DeviceMismatchError extends VoxgradError {}

/** A size is beyond what the adapter offers; the message names the limit. */
export class LimitError extends VoxgradError {}

/** The request is valid but not available here: a missing feature, variant or browser facility. */
export class NotSupportedError extends VoxgradError {}

/** A value that should hold throughout (a finite learning rate, a probability) does not. */
export class ValueError extends VoxgradError {}

/** No adapter was found; the message tells what was looked for and the command that mends it. */
export class NoAdapterError extends VoxgradError {}

/** The GPU device is gone (driver reset, `destroy()`); open a new one. */
export class DeviceLostError extends VoxgradError {}

/** The device could not allocate; the message names the operation and the bytes in use. */
export class OutOfMemoryError extends VoxgradError {}

/** A kernel did not compile; the message carries the compiler's lines. */
export class ShaderError extends VoxgradError {}

/** WebGPU refused a recorded command; the message names the operations of that submission. */
export class ValidationError extends VoxgradError {}

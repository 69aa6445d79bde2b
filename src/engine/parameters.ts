import { LimitError } from './errors.js'
import { maxParameterBytes } from './recorder.js'

/**
 * Writes a kernel's `Params` struct into the parameter ring, field by field. WGSL's uniform layout asks arrays and
 * vectors to start at multiples of 16 bytes: {@link vectors} does so, scalars follow each other.
 */
export class ParameterWriter {
  readonly #unsigned: Uint32Array
  readonly #signed: Int32Array
  readonly #float: Float32Array
  #start = 0
  #cursor = 0

  constructor(ring: ArrayBuffer) {
    this.#unsigned = new Uint32Array(ring)
    this.#signed = new Int32Array(ring)
    this.#float = new Float32Array(ring)
  }

  /** Starts a struct at a byte offset. */
  at(byteOffset: number): this {
    this.#start = byteOffset / 4
    this.#cursor = this.#start
    return this
  }

  u32(value: number): this {
    this.#unsigned[this.#next()] = value
    return this
  }

  i32(value: number): this {
    this.#signed[this.#next()] = value
    return this
  }

  f32(value: number): this {
    this.#float[this.#next()] = value
    return this
  }

  /** `values` as an `array<vec4<u32>, length / 4>`: aligned to 16 bytes and padded with `fill` up to `length`. */
  vectors(values: readonly number[], length: number, fill = 0): this {
    this.#align()
    for (let i = 0; i < length; i++) this.u32(values[i] ?? fill)
    return this
  }

  /** The same with signed elements. */
  signedVectors(values: readonly number[], length: number, fill = 0): this {
    this.#align()
    for (let i = 0; i < length; i++) this.i32(values[i] ?? fill)
    return this
  }

  #align(): void {
    this.#cursor = this.#start + Math.ceil((this.#cursor - this.#start) / 4) * 4
  }

  #next(): number {
    if (this.#cursor - this.#start >= maxParameterBytes / 4) {
      throw new LimitError(`a kernel's parameters are beyond ${maxParameterBytes} bytes`)
    }
    return this.#cursor++
  }
}

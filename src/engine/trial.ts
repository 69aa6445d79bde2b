/** One problem of one kernel on the device, to be run with any of its variants. */
import { philoxInto, toUniform } from '../numeric/philox.js'
import type { Device } from './device.js'
import { dispatch } from './dispatch.js'
import type { TensorData } from './dtype.js'
import { withVariant } from './kernel.js'
import { sizeOf } from './shape.js'
import { empty, type Tensor, tensor } from './tensor.js'
import type { Operand, TuningProblem } from './tuning-plan.js'

/** Allowed difference from the reference. */
export interface AllowedError {
  /** Per unit of the largest magnitude in the reference. */
  readonly relative: number
  readonly absolute: number
}

export class Trial {
  readonly #device: Device
  readonly #problem: TuningProblem
  readonly #inputs: Tensor[] = []
  readonly #outputs: Tensor[] = []

  /** Makes the tensors; throws what {@link empty} throws where the device cannot hold them. */
  constructor(device: Device, problem: TuningProblem) {
    this.#device = device
    this.#problem = problem
    try {
      for (const [i, operand] of problem.inputs.entries()) this.#inputs.push(inputOf(device, operand, i + 1))
      for (const { shape, dtype } of problem.outputs) this.#outputs.push(empty(device, shape, dtype))
    } catch (error) {
      this.dispose()
      throw error
    }
  }

  /** Records one execution with a variant. */
  record(variant: string): void {
    const { kernel, problem } = this.#problem
    const request = { kernel, problem, inputs: this.#inputs, outputs: this.#outputs }
    withVariant(kernel.name, variant, () => dispatch(this.#device, request))
  }

  /**
   * What a variant computes. The outputs are zeroed before, so that elements which a variant leaves out are missing and
   * not those of the variant before it. Rejects with the typed error of whatever failed.
   */
  async results(variant: string): Promise<TensorData[]> {
    for (const { storage } of this.#outputs) this.#device.clear(storage)
    try {
      this.record(variant)
    } finally {
      // What was recorded before a throw must not fail in the next candidate's name.
      await this.#device.sync()
    }
    const results: TensorData[] = []
    for (const output of this.#outputs) results.push(await output.data())
    return results
  }

  dispose(): void {
    for (const value of [...this.#inputs, ...this.#outputs]) value.dispose()
  }
}

function inputOf(device: Device, { shape, dtype, input }: Operand, seed: number): Tensor {
  const own = input && sizeOf(input.shape) === sizeOf(shape) ? input : undefined
  if (own?.values) return tensor(device, own.values, shape, { dtype })
  const integer = dtype === 'i32' || dtype === 'u32'
  const [low, high] = own?.range ?? (integer ? [0, 0] : [-1, 1])
  const values = uniform(sizeOf(shape), seed, low, high)
  return tensor(device, integer ? values.map(Math.floor) : values, shape, { dtype })
}

/** `count` numbers in [low, high), the same for the same seed. */
function uniform(count: number, seed: number, low: number, high: number): Float32Array {
  const values = new Float32Array(count)
  const words = new Uint32Array(4)
  for (let i = 0; i < count; i += 4) {
    philoxInto(words, i, 0, 0, 0, seed, 0)
    for (let k = 0; k < 4 && i + k < count; k++) values[i + k] = low + (high - low) * toUniform(words[k]!)
  }
  return values
}

export interface Comparison {
  readonly agrees: boolean
  /** Largest difference; infinite where one side is NaN and the other is not. */
  readonly error: number
  /** What it may be. */
  readonly bound: number
}

/** Compares two runs, of which each may be off by the tolerance. */
export function compareResults(
  wanted: ArrayLike<number>,
  got: ArrayLike<number>,
  { relative, absolute }: AllowedError,
): Comparison {
  let error = 0
  let magnitude = 0
  for (let i = 0; i < wanted.length; i++) {
    const [a, b] = [wanted[i]!, got[i]!]
    if (Number.isFinite(a)) magnitude = Math.max(magnitude, Math.abs(a))
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue
    const difference = Math.abs(a - b)
    error = Math.max(error, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference)
  }
  const bound = 2 * Math.max(absolute, relative * magnitude)
  return { agrees: error <= bound, error, bound }
}

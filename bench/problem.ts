/** One bench case on the device: its inputs, and its forward and backward pass as contestants. */
import { gradients } from '../src/engine/autograd.js'
import { bytesPerElement, isFloat } from '../src/engine/dtype.js'
import { applyAll, type Device, noGrad, scope, sizeOf, type Tensor, tensor } from '../src/engine/index.js'
import type { BenchCase, Direction } from './cases.js'
import { backwardFlops, type Work } from './cost.js'
import { gradientCases } from './shapes.js'
import { kernelsOf, traced } from './trace.js'
import { inputValues, roundTo, uniform } from './values.js'

/** An input as it was made: what the device holds, and whether a gradient is wanted. */
export interface HostInput {
  readonly shape: readonly number[]
  readonly dtype: 'f32' | 'f16' | 'i32' | 'u32'
  readonly values: Float32Array
  readonly differentiable: boolean
}

/** An execution that can be measured. */
export interface Pass {
  readonly direction: Direction
  /** Records one execution and drops its results. */
  readonly run: () => void
  readonly launches: readonly string[]
  readonly kernels: readonly string[]
  readonly work: Work
}

export function hostInputs({ test, dtype }: BenchCase): HostInput[] {
  return test.inputs.map((input, i) => {
    const own = input.dtype ?? 'f32'
    const actual = own === 'f32' ? dtype : own
    return {
      shape: input.shape,
      dtype: actual,
      values: inputValues(input, actual, i + 1),
      differentiable: isFloat(actual) && input.differentiable !== false,
    }
  })
}

export class Problem {
  readonly device: Device
  readonly case: BenchCase
  readonly inputs: readonly HostInput[]
  readonly tensors: readonly Tensor[]
  readonly #held: Tensor[] = []

  constructor(device: Device, benchCase: BenchCase, inputs: readonly HostInput[]) {
    this.device = device
    this.case = benchCase
    this.inputs = inputs
    this.tensors = inputs.map(({ values, shape, dtype, differentiable }) =>
      tensor(device, dtype === 'i32' || dtype === 'u32' ? Array.from(values) : values, shape, {
        dtype,
        requiresGrad: differentiable,
      }),
    )
  }

  /** Every output, computed without the tape. The caller disposes them. */
  outputs(): Tensor[] {
    const { op, test } = this.case
    return noGrad(() => scope(() => applyAll(op, this.tensors, test.options)))
  }

  forward(): Pass {
    const run = () => noGrad(() => scope(() => void applyAll(this.case.op, this.tensors, this.case.test.options)))
    const { launches } = traced(this.device, run)
    return { direction: 'forward', run, launches, kernels: kernelsOf(launches), work: this.case.work }
  }

  /**
   * The backward pass alone, over a graph that is kept. Where an operation has several float outputs, the gradient comes
   * from the first.
   */
  backward(): Pass {
    const { op, test, dtype } = this.case
    const forward = traced(this.device, () => scope(() => applyAll(op, this.tensors, test.options)))
    this.#held.push(...forward.result)
    const output = forward.result.find((candidate) => isFloat(candidate.dtype))!
    const cotangent = tensor(this.device, roundTo(dtype, uniform(output.size, cotangentSeed)), output.shape, {
      dtype: output.dtype,
    })
    this.#held.push(cotangent)
    const run = () => scope(() => void this.gradients(output, cotangent))
    const { launches, storages } = traced(this.device, run)
    const before = new Set([...forward.storages, cotangent.storage])
    const read = [...storages].filter((storage) => before.has(storage))
    const sizes = new Map([...this.tensors, ...forward.result, cotangent].map((t) => [t.storage, t.byteLength]))
    const readBytes = read.reduce((sum, storage) => sum + (sizes.get(storage) ?? storage.buffer.byteLength), 0)
    const work = {
      flops: backwardFlops(op.name, this.case.work.flops, gradientCases.has(this.case.name)),
      // What the forward left and this pass read, and the gradients, which are f32.
      bytes: readBytes + this.leaves().reduce((sum, leaf) => sum + sizeOf(leaf.shape) * bytesPerElement('f32'), 0),
    }
    return { direction: 'backward', run, launches, kernels: kernelsOf(launches), work }
  }

  /** Gradients of the differentiable inputs; `output` keeps its graph. */
  gradients(output: Tensor, cotangent: Tensor): Tensor[] {
    return gradients(output, this.leaves(), { gradient: cotangent, retainGraph: true })
  }

  /** Gradients for a given gradient of the first float output, over a graph of their own. The caller disposes them. */
  firstGradients(values: Float32Array): Tensor[] {
    return scope(() => {
      const output = this.recorded().find((candidate) => isFloat(candidate.dtype))!
      return this.gradients(output, tensor(this.device, values, output.shape, { dtype: output.dtype }))
    })
  }

  /** Outputs with the tape on, for {@link gradients}. The caller disposes them. */
  recorded(): Tensor[] {
    return scope(() => applyAll(this.case.op, this.tensors, this.case.test.options))
  }

  leaves(): Tensor[] {
    return this.tensors.filter(({ requiresGrad }) => requiresGrad)
  }

  dispose(): void {
    for (const value of [...this.#held, ...this.tensors]) value.dispose()
  }
}

const cotangentSeed = 100

/** Checks an operation against its own float64 reference. */
import { describe, expect, it } from 'vitest'
import { isFloat } from '../../src/engine/dtype.js'
import { applyAll, type DType, gradients, scope, type Tensor, tensor } from '../../src/engine/index.js'
import type { OpCase, OpDefinition, ReferenceArray } from '../../src/engine/op.js'
import { add, mul } from '../../src/kernels/elementwise/index.js'
import { sum } from '../../src/kernels/reduce/index.js'
import { toleranceOf } from '../../src/kernels/tolerances.js'
import { float16ToFloat32, float32ToFloat16 } from '../../src/numeric/half.js'
import { caseValues, largestError, largestMagnitude } from './arrays.js'
import { testDevice } from './device.js'

const device = await testDevice()
const floatTypes: DType[] = device.capabilities.f16 ? ['f32', 'f16'] : ['f32']

export type AnyOp = OpDefinition<unknown>
export type AnyCase = OpCase<unknown>

/** Inputs as the device will hold them: the reference must not see digits that f16 drops. */
function inputsOf({ inputs }: AnyCase, dtype: DType): ReferenceArray[] {
  return inputs.map((input, i) => {
    const values = caseValues(input, i + 1)
    const rounded = dtype === 'f16' && (input.dtype ?? 'f32') === 'f32'
    return {
      data: rounded ? Float64Array.from(float16ToFloat32(float32ToFloat16(Float32Array.from(values)))) : values,
      shape: input.shape,
    }
  })
}

function upload(test: AnyCase, arrays: readonly ReferenceArray[], dtype: DType, requiresGrad: boolean): Tensor[] {
  return arrays.map(({ data, shape }, i) => {
    const input = test.inputs[i]!
    const isFloat = (input.dtype ?? 'f32') === 'f32'
    const differentiable = isFloat && input.differentiable !== false
    return tensor(device, data, shape, {
      dtype: isFloat ? dtype : input.dtype!,
      requiresGrad: requiresGrad && differentiable,
    })
  })
}

const bound = (op: string, dtype: DType, want: ArrayLike<number>): number => {
  const { relative, absolute } = toleranceOf(op, dtype)
  return relative === 0 ? 0 : Math.max(absolute, relative * largestMagnitude(want))
}

/** Gradients of the sum of outputs times cotangents, by central differences of the reference. */
function numericGradient(op: AnyOp, test: AnyCase, arrays: ReferenceArray[], cotangents: Float64Array[], at: number) {
  const step = 1e-4
  const evaluate = (shift: number, j: number) => {
    const shifted = arrays.map((array, i) =>
      i === at ? { ...array, data: array.data.with(j, array.data[j]! + shift) } : array,
    )
    return op
      .reference(shifted, test.options)
      .reduce(
        (total, { data }, o) => data.reduce((inner, value, k) => inner + value * (cotangents[o]?.[k] ?? 0), total),
        0,
      )
  }
  return arrays[at]!.data.map((_, j) => (evaluate(step, j) - evaluate(-step, j)) / (2 * step))
}

/** Forward, against the reference. */
export async function checkForward(op: AnyOp, test: AnyCase, dtype: DType): Promise<void> {
  const arrays = inputsOf(test, dtype)
  const want = op.reference(arrays, test.options)
  const outputs = scope(() => applyAll(op, upload(test, arrays, dtype, false), test.options))
  for (const [i, output] of outputs.entries()) {
    expect(output.shape).toEqual(want[i]!.shape)
    const got = await output.data()
    expect(largestError(got, want[i]!.data)).toBeLessThanOrEqual(
      bound(op.name, isFloat(output.dtype) ? dtype : output.dtype, want[i]!.data),
    )
    output.dispose()
  }
}

/** Gradients, against central differences of the reference. */
export async function checkGradients(op: AnyOp, test: AnyCase): Promise<void> {
  const arrays = inputsOf(test, 'f32')
  const shapes = op.shape(
    test.inputs.map(({ shape, dtype = 'f32' }) => ({ shape, dtype })),
    test.options,
  )
  const cotangents = shapes.map(({ shape }, o) => caseValues({ shape }, 100 + o))
  const leaves = upload(test, arrays, 'f32', true)
  const wanted = leaves.filter(({ requiresGrad }) => requiresGrad)
  const results = scope(() => {
    const outputs = applyAll(op, leaves, test.options)
    const parts = outputs.flatMap((output, o) =>
      output.dtype === 'f32' ? [sum(mul(output, tensor(device, cotangents[o]!, output.shape)))] : [],
    )
    return gradients(
      parts.reduce((a, b) => add(a, b)),
      wanted,
    )
  })
  for (const [k, leaf] of wanted.entries()) {
    const numeric = numericGradient(op, test, arrays, cotangents, leaves.indexOf(leaf))
    const got = await results[k]!.data()
    const { relative } = toleranceOf(op.name, 'f32')
    const allowed = Math.max(1e-5, 10 * relative * Math.max(1, largestMagnitude(numeric)))
    expect(largestError(got, numeric), `input ${leaves.indexOf(leaf)}`).toBeLessThanOrEqual(allowed)
  }
  for (const value of [...leaves, ...results]) value.dispose()
}

/**
 * Registers tests of an operation's cases: forward in f32 and f16 against the reference, gradients against central
 * differences of the reference.
 */
export function checkOperation(op: AnyOp): void {
  describe(op.name, () => {
    for (const test of op.cases.filter(({ bench }) => !bench)) {
      for (const dtype of floatTypes) {
        it(`${test.name}: forward ${dtype}`, () => checkForward(op, test, dtype))
      }
      if (op.differentiable === false) continue
      it(`${test.name}: gradients`, () => checkGradients(op, test))
    }
  })
}

/** What a case has to do at least, and the time that the ceilings of this run allow for it. */
import { bytesPerElement, isFloat } from '../src/engine/dtype.js'
import type { OpCase } from '../src/engine/op.js'
import { sizeOf } from '../src/engine/shape.js'
import type { TensorSpec } from '../src/engine/tensor.js'
import type { AnyOp } from './discover.js'

export type FloatType = 'f32' | 'f16'

export interface Work {
  readonly flops: number
  readonly bytes: number
}

/** Inputs of a case with its floats as `dtype`. */
export function specsOf(test: OpCase<unknown>, dtype: FloatType): TensorSpec[] {
  return test.inputs.map(({ shape, dtype: own = 'f32' }) => ({ shape, dtype: own === 'f32' ? dtype : own }))
}

export const tensorBytes = (specs: readonly TensorSpec[]): number =>
  specs.reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * bytesPerElement(dtype), 0)

/**
 * Operations and bytes of the forward pass, by the operation's own `cost`. Costs that count four bytes an element
 * whatever its type are scaled to the bytes of `dtype`.
 */
export function forwardWork(op: AnyOp, test: OpCase<unknown>, dtype: FloatType): Work {
  const specs = specsOf(test, dtype)
  const all = [...specs, ...op.shape(specs, test.options)]
  const cost = op.cost?.(specs, test.options)
  if (!cost) return { flops: 0, bytes: tensorBytes(all) }
  if (dtype === 'f32') return cost
  const wide = specsOf(test, 'f32')
  if (op.cost!(wide, test.options).bytes !== cost.bytes) return cost
  const wideBytes = tensorBytes([...wide, ...op.shape(wide, test.options)])
  return { flops: cost.flops, bytes: wideBytes > 0 ? (cost.bytes * tensorBytes(all)) / wideBytes : 0 }
}

/**
 * Operations of a backward pass per operation of the forward pass, by convention: products have two gradients, each as
 * much work as the forward; attention has five products where its forward has two. Other operations are bound by
 * memory, where this factor decides nothing. A case that asks for one of a product's gradients alone has half.
 */
const backwardFactors: Readonly<Record<string, number>> = { attention: 2.5 }
const backwardFactor = 2

export function backwardFlops(op: string, forwardFlops: number, isOneGradient = false): number {
  return (isOneGradient ? 1 : (backwardFactors[op] ?? backwardFactor)) * forwardFlops
}

/** Whether a case has a gradient: some float input wants one, and some output is a float. */
export function hasBackward(op: AnyOp, test: OpCase<unknown>): boolean {
  if (op.differentiable === false) return false
  if (!test.inputs.some(({ dtype = 'f32', differentiable }) => dtype === 'f32' && differentiable !== false))
    return false
  return op.shape(specsOf(test, 'f32'), test.options).some(({ dtype }) => isFloat(dtype))
}

import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp, type OpCase, type OpDefinition } from '../../engine/op.js'
import { formatShape, normalizeAxes, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { runElementwise } from '../elementwise/kernel.js'
import { elementwiseOp } from '../elementwise/op.js'
import { type ReduceMode, runReduce } from './kernel.js'
import { largestOf, reduceReference, smallestOf } from './reference.js'

export interface ReduceOptions {
  /** Axes to reduce, negative ones from the back; default all. */
  readonly axes?: number | readonly number[] | undefined
  /** Leaves reduced axes as extent 1. Default false. */
  readonly keepDims?: boolean | undefined
}

/** The shape left by a reduction. */
export function reducedShape(op: string, shape: Shape, { axes, keepDims }: ReduceOptions): number[] {
  const reduced = normalizeAxes(op, axes, shape.length)
  return shape.flatMap((extent, axis) => (reduced.includes(axis) ? (keepDims ? [1] : []) : [extent]))
}

/** The same with reduced axes kept as 1: what broadcasts against the input. */
const keptShape = (op: string, shape: Shape, { axes }: ReduceOptions) =>
  reducedShape(op, shape, { axes, keepDims: true })

const cases: readonly OpCase<ReduceOptions>[] = [
  { name: 'last axis', inputs: [{ shape: [3, 4, 7] }], options: { axes: -1 } },
  { name: 'first axis', inputs: [{ shape: [5, 3, 2] }], options: { axes: 0, keepDims: true } },
  { name: 'split axes', inputs: [{ shape: [3, 4, 5, 2] }], options: { axes: [0, 2] } },
  { name: 'everything', inputs: [{ shape: [4, 5] }], options: {} },
  { name: 'long rows in parts', inputs: [{ shape: [2, 70000] }], options: { axes: 1 }, bench: true },
  { name: 'tall columns in parts', inputs: [{ shape: [3000, 6] }], options: { axes: 0 }, bench: true },
]

interface Reduction {
  readonly name: string
  readonly doc: string
  readonly mode: ReduceMode
  /** Factor of the sum, from the number of elements reduced. */
  readonly scale?: (count: number) => number
  readonly reference: (values: readonly number[]) => number
}

const countOf = (op: string, shape: Shape, { axes }: ReduceOptions): number =>
  normalizeAxes(op, axes, shape.length).reduce((count, axis) => count * shape[axis]!, 1)

function defineReduction({ name, doc, mode, scale, reference }: Reduction): OpDefinition<ReduceOptions> {
  return defineOp<ReduceOptions>({
    name,
    doc,
    shape([x], options) {
      if (scale) checkDType(name, ['f32', 'f16'], x!)
      if (mode !== 'sum' && countOf(name, x!.shape, options) === 0) {
        throw new ShapeError(`${name}: no elements to choose from in shape ${formatShape(x!.shape)}`)
      }
      return [{ shape: reducedShape(name, x!.shape, options), dtype: x!.dtype }]
    },
    forward(context, [x], options) {
      const [output] = context.outputs
      const y = runReduce(context, x!, {
        mode,
        axes: normalizeAxes(name, options.axes, x!.shape.length),
        dtype: output!.dtype,
        outputShape: output!.shape,
        scale: scale?.(countOf(name, x!.shape, options)) ?? 1,
      })
      if (mode !== 'sum') context.save(x!, y)
      return y
    },
    backward(context, [dy], [value, extreme], options) {
      const { shape } = context.inputs[0]!
      const kept = keptShape(name, shape, options)
      if (mode === 'sum') {
        const dx = context.empty(shape, dy!.dtype)
        const factor = scale?.(countOf(name, shape, options)) ?? 1
        runElementwise({ fn: spread, options: [factor], inputs: [dy!.alias(kept)], output: dx }, context.run)
        return [dx]
      }
      // Elements that share the extreme share its gradient evenly, as in PyTorch's amax.
      const isExtreme = apply(matchesOp, [value!, extreme!.alias(kept)], {})
      const count = apply(sumOp, [isExtreme], { axes: options.axes, keepDims: true })
      return [apply(shareOp, [isExtreme, count, dy!.alias(kept)], {})]
    },
    reference: ([x], options) => {
      const axes = normalizeAxes(name, options.axes, x!.shape.length)
      return [reduceReference(x!, axes, reducedShape(name, x!.shape, options), reference)]
    },
    cost: ([x]) => ({ flops: sizeOf(x!.shape), bytes: 4 * sizeOf(x!.shape) }),
    cases,
  })
}

/** A sum's gradient: the same for every element that was added. */
const spread = { name: 'spread', arguments: ['x'], expression: 'x * factor', options: ['factor'] }
const matchesOp = elementwiseOp({
  name: 'matches',
  doc: '1 where x equals y, else 0, in the type of x',
  arguments: ['x', 'y'],
  forward: 'select(0.0, 1.0, x == y)',
  reference: ([x, y]) => (x === y ? 1 : 0),
})
const shareOp = elementwiseOp({
  name: 'share',
  doc: 'mask * g / count',
  arguments: ['x', 'y', 'z'],
  forward: 'x * z / y',
  reference: ([x, y, z]) => (x! * z!) / y!,
})

const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)

const sumOp = defineReduction({ name: 'sum', doc: 'Sum over axes.', mode: 'sum', reference: total })
const meanOp = defineReduction({
  name: 'mean',
  doc: 'Mean over axes.',
  mode: 'sum',
  scale: (count) => 1 / count,
  reference: (values) => total(values) / values.length,
})
const maxOp = defineReduction({
  name: 'max',
  doc: 'Largest element over axes; ties share the gradient.',
  mode: 'max',
  reference: largestOf,
})
const minOp = defineReduction({
  name: 'min',
  doc: 'Smallest element over axes; ties share the gradient.',
  mode: 'min',
  reference: smallestOf,
})

/** Sum over `axes` (default all). f32 accumulation; integers wrap. */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(sumOp, [x], options)
}

/** Mean over `axes` (default all) of a float tensor. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(meanOp, [x], options)
}

/** Largest element over `axes` (default all). NaN wins. Throws `ShapeError` when there is nothing to choose from. */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(maxOp, [x], options)
}

/** Smallest element over `axes` (default all). NaN wins. */
export function min(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(minOp, [x], options)
}

import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp } from '../../engine/op.js'
import { checkShape, formatShape, rowMajorStrides, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { runReduce } from '../reduce/kernel.js'
import { sumTo } from '../reduce/sum-to.js'
import { materialize, moveCost, referenceView, type StridedView } from './copy.js'

interface ExpandOptions {
  /** -1 keeps the extent of the input. */
  readonly shape: Shape
}

function expandedShape(from: Shape, wanted: Shape): number[] {
  const lead = wanted.length - from.length
  const shape = wanted.map((extent, axis) => (extent === -1 ? (from[axis - lead] ?? -1) : extent))
  checkShape('expand', shape)
  if (lead < 0 || from.some((extent, axis) => extent !== 1 && extent !== shape[axis + lead])) {
    throw new ShapeError(`expand: ${formatShape(from)} does not broadcast to ${formatShape(wanted)}`)
  }
  return shape
}

function expandedView(from: Shape, to: Shape): StridedView {
  const lead = to.length - from.length
  const strides = rowMajorStrides(from)
  return { strides: to.map((_, axis) => (axis < lead || from[axis - lead] === 1 ? 0 : strides[axis - lead]!)) }
}

const expandOp = defineOp<ExpandOptions>({
  name: 'expand',
  doc: 'Repeats axes of extent 1, and the whole along new leading axes.',
  shape: ([x], { shape }) => [{ shape: expandedShape(x!.shape, shape), dtype: x!.dtype }],
  forward(context, [x]) {
    const { shape } = context.outputs[0]!
    return materialize(context, 'expand', x!, shape, expandedView(x!.shape, shape))
  },
  backward: (context, [dy]) => [sumTo(context, dy!, context.inputs[0]!.shape)],
  reference([x], options) {
    const shape = expandedShape(x!.shape, options.shape)
    return [{ data: referenceView(x!.data, shape, expandedView(x!.shape, shape)), shape }]
  },
  cost: ([x], { shape }) => moveCost(expandedShape(x!.shape, shape)),
  cases: [
    { name: 'leading axis', inputs: [{ shape: [3] }], options: { shape: [4, 3] } },
    { name: 'middle axis', inputs: [{ shape: [2, 1, 3] }], options: { shape: [5, 2, 4, -1] } },
    { name: 'same shape', inputs: [{ shape: [2, 3] }], options: { shape: [2, 3] } },
    { name: 'scalar', inputs: [{ shape: [] }], options: { shape: [2, 2] } },
    { name: 'rows', inputs: [{ shape: [1, 1024] }], options: { shape: [8192, 1024] }, bench: true },
  ],
})

/**
 * Repeats axes of extent 1 up to `shape`, and the whole along new leading axes (NumPy's broadcasting); -1 keeps an
 * extent. Elementwise operations broadcast by themselves, without this copy.
 */
export function expand(x: Tensor, shape: Shape): Tensor {
  return apply(expandOp, [x], { shape })
}

interface TileOptions {
  readonly repeats: readonly number[]
}

/** Repeats and extents of the result's axes, leading ones filled up with 1. */
function tileAxes(from: Shape, repeats: readonly number[]): { repeat: number; extent: number; stride: number }[] {
  checkShape('tile', repeats)
  const rank = Math.max(from.length, repeats.length)
  const strides = rowMajorStrides(from)
  return Array.from({ length: rank }, (_, axis) => {
    const own = axis - (rank - from.length)
    return { repeat: repeats[axis - (rank - repeats.length)] ?? 1, extent: from[own] ?? 1, stride: strides[own] ?? 0 }
  })
}

const tiledShape = (from: Shape, repeats: readonly number[]) =>
  tileAxes(from, repeats).map(({ repeat, extent }) => repeat * extent)
/** The result with an axis of repeats before each of its own. */
const splitShape = (from: Shape, repeats: readonly number[]) =>
  tileAxes(from, repeats).flatMap(({ repeat, extent }) => [repeat, extent])
const tiledView = (from: Shape, repeats: readonly number[]): StridedView => ({
  strides: tileAxes(from, repeats).flatMap(({ stride }) => [0, stride]),
})

const tileOp = defineOp<TileOptions>({
  name: 'tile',
  doc: 'Repeats a tensor side by side along its axes.',
  shape: ([x], { repeats }) => [{ shape: tiledShape(x!.shape, repeats), dtype: x!.dtype }],
  forward(context, [x], { repeats }) {
    const split = splitShape(x!.shape, repeats)
    return materialize(context, 'tile', x!, split, tiledView(x!.shape, repeats)).alias(context.outputs[0]!.shape)
  },
  backward(context, [dy], _, { repeats }) {
    const { shape } = context.inputs[0]!
    const split = splitShape(shape, repeats)
    const axes = split.flatMap((extent, axis) => (axis % 2 === 0 && extent !== 1 ? [axis] : []))
    if (axes.length === 0) return [dy!.alias(shape)]
    return [runReduce(context, dy!.alias(split), { mode: 'sum', axes, dtype: dy!.dtype, outputShape: shape })]
  },
  reference([x], { repeats }) {
    const data = referenceView(x!.data, splitShape(x!.shape, repeats), tiledView(x!.shape, repeats))
    return [{ data, shape: tiledShape(x!.shape, repeats) }]
  },
  cost: ([x], { repeats }) => moveCost([sizeOf(tiledShape(x!.shape, repeats))]),
  cases: [
    { name: 'both axes', inputs: [{ shape: [2, 3] }], options: { repeats: [2, 3] } },
    { name: 'fewer repeats', inputs: [{ shape: [2, 3, 2] }], options: { repeats: [2] } },
    { name: 'more repeats', inputs: [{ shape: [3] }], options: { repeats: [2, 1, 2] } },
    { name: 'once', inputs: [{ shape: [2, 3] }], options: { repeats: [1, 1] } },
  ],
})

/** Repeats `x` side by side, `repeats[i]` times along axis `i`; the shorter of shape and repeats gets leading 1s. */
export function tile(x: Tensor, repeats: readonly number[]): Tensor {
  return apply(tileOp, [x], { repeats })
}

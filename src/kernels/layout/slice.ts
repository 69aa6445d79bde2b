import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp } from '../../engine/op.js'
import { formatShape, normalizeAxes, rowMajorStrides, type Shape } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { materialize, moveCost, referenceView, type StridedView } from './copy.js'
import { runPlace, sliceAxes } from './place.js'

/**
 * Elements `start`, `start + step`, ... before `stop`, as in Python: negative indices count from the end, and what is
 * beyond the axis is cut off. Default stop: the end; default step: 1.
 */
export type SliceRange = readonly [start: number, stop?: number, step?: number]

interface SliceOptions {
  readonly ranges: readonly SliceRange[]
}

interface ResolvedRange {
  readonly start: number
  readonly step: number
  readonly count: number
}

function resolveRanges(shape: Shape, ranges: readonly SliceRange[]): ResolvedRange[] {
  if (ranges.length > shape.length) {
    throw new ShapeError(`slice: ${ranges.length} ranges for the ${shape.length} axes of ${formatShape(shape)}`)
  }
  return shape.map((extent, axis) => {
    const [first, stop = extent, step = 1] = ranges[axis] ?? [0]
    if (!Number.isInteger(step) || step < 1) throw new ShapeError(`slice: the step must be 1 or more, got ${step}`)
    const within = (index: number) => {
      if (!Number.isInteger(index) && Math.abs(index) !== Number.POSITIVE_INFINITY) {
        throw new ShapeError(`slice: the bounds must be integers, got ${index}`)
      }
      return Math.min(Math.max(index < 0 ? index + extent : index, 0), extent)
    }
    const start = within(first)
    return { start, step, count: Math.max(0, Math.ceil((within(stop) - start) / step)) }
  })
}

function slicedView(shape: Shape, ranges: readonly ResolvedRange[]): StridedView {
  const strides = rowMajorStrides(shape)
  return {
    strides: ranges.map(({ step }, axis) => step * strides[axis]!),
    start: ranges.reduce((sum, { start }, axis) => sum + start * strides[axis]!, 0),
  }
}

const slicedShape = (ranges: readonly ResolvedRange[]) => ranges.map(({ count }) => count)

const sliceOp = defineOp<SliceOptions>({
  name: 'slice',
  doc: 'A box of elements, every step-th along each axis.',
  shape: ([x], { ranges }) => [{ shape: slicedShape(resolveRanges(x!.shape, ranges)), dtype: x!.dtype }],
  forward(context, [x], options) {
    const ranges = resolveRanges(x!.shape, options.ranges)
    return materialize(context, 'slice', x!, slicedShape(ranges), slicedView(x!.shape, ranges))
  },
  backward(context, [dy], _, options) {
    const { shape } = context.inputs[0]!
    const dx = context.empty(shape, dy!.dtype)
    const axes = sliceAxes(shape, resolveRanges(shape, options.ranges))
    runPlace(context.run, { op: 'slice', source: dy!, target: dx, axes })
    return [dx]
  },
  reference([x], options) {
    const ranges = resolveRanges(x!.shape, options.ranges)
    const shape = slicedShape(ranges)
    return [{ data: referenceView(x!.data, shape, slicedView(x!.shape, ranges)), shape }]
  },
  cost: ([x], { ranges }) => moveCost(slicedShape(resolveRanges(x!.shape, ranges))),
  cases: [
    {
      name: 'steps',
      inputs: [{ shape: [4, 7] }],
      options: {
        ranges: [
          [1, 4],
          [0, 7, 3],
        ],
      },
    },
    { name: 'from the end', inputs: [{ shape: [5, 6] }], options: { ranges: [[-3, -1], [-4]] } },
    { name: 'first axis only', inputs: [{ shape: [4, 3, 8] }], options: { ranges: [[1, 3]] } },
    {
      name: 'whole vectors',
      inputs: [{ shape: [3, 5, 16] }],
      options: {
        ranges: [
          [0, 2],
          [1, 5, 2],
          [8, 16],
        ],
      },
    },
    { name: 'beyond the end', inputs: [{ shape: [4] }], options: { ranges: [[2, 100]] } },
    { name: 'nothing', inputs: [{ shape: [4, 3] }], options: { ranges: [[3, 1]] } },
    { name: 'everything', inputs: [{ shape: [2, 3] }], options: { ranges: [] } },
    {
      name: 'crop',
      inputs: [{ shape: [1, 160, 160, 160, 4] }],
      options: { ranges: [[0], [16, 144], [16, 144], [16, 144]] },
      bench: true,
    },
  ],
})

/**
 * A box of `x`: `ranges[i]` is `[start, stop, step]` of axis `i`, as in Python, with a step of 1 or more; axes without
 * a range are whole. Copies, except where the box is all of `x`.
 */
export function slice(x: Tensor, ranges: readonly SliceRange[]): Tensor {
  return apply(sliceOp, [x], { ranges })
}

interface FlipOptions {
  readonly axes: number | readonly number[]
}

function flippedView(shape: Shape, options: FlipOptions): StridedView {
  const axes = normalizeAxes('flip', options.axes, shape.length)
  const strides = rowMajorStrides(shape)
  return {
    strides: strides.map((stride, axis) => (axes.includes(axis) ? -stride : stride)),
    start: axes.reduce((sum, axis) => sum + (shape[axis]! - 1) * strides[axis]!, 0),
  }
}

const flipOp = defineOp<FlipOptions>({
  name: 'flip',
  doc: 'Elements in reverse order along axes.',
  shape: ([x], { axes }) => {
    normalizeAxes('flip', axes, x!.shape.length)
    return [{ shape: x!.shape, dtype: x!.dtype }]
  },
  forward: (context, [x], options) => materialize(context, 'flip', x!, x!.shape, flippedView(x!.shape, options)),
  backward: (context, [dy], _, options) => [
    materialize(context, 'flip', dy!, dy!.shape, flippedView(dy!.shape, options)),
  ],
  reference: ([x], options) => [
    { data: referenceView(x!.data, x!.shape, flippedView(x!.shape, options)), shape: x!.shape },
  ],
  cost: ([x]) => moveCost(x!.shape),
  cases: [
    { name: 'last axis', inputs: [{ shape: [3, 5] }], options: { axes: -1 } },
    { name: 'outer axes', inputs: [{ shape: [3, 2, 8] }], options: { axes: [0, 1] } },
    { name: 'no axes', inputs: [{ shape: [3, 2] }], options: { axes: [] } },
    { name: 'volume', inputs: [{ shape: [1, 128, 128, 128, 4] }], options: { axes: [1, 3] }, bench: true },
  ],
})

/** `x` in reverse order along `axes`. */
export function flip(x: Tensor, axes: number | readonly number[]): Tensor {
  return apply(flipOp, [x], { axes })
}

import { apply, defineOp, type OpCase } from '../../engine/op.js'
import { type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import { maxPool, maxPoolGradient } from './kernel.js'
import { poolCost, poolReference } from './reference.js'
import {
  adaptiveAxes,
  type PerAxis,
  pooledShape,
  type SlidingOptions,
  slidingAxes,
  type WindowAxes,
} from './windows.js'

export interface MaxPool3dOptions extends SlidingOptions {
  /** Distance between the positions of a window, default 1. */
  readonly dilation?: PerAxis | undefined
}

interface AdaptiveOptions {
  readonly outputSize: PerAxis
}

function largest(values: readonly number[]): number {
  let best = Number.NEGATIVE_INFINITY
  for (const value of values) if (value > best || Number.isNaN(value)) best = value
  return best
}

const define = <Options>(
  name: string,
  doc: string,
  axesOf: (x: TensorSpec, options: Options) => WindowAxes,
  cases: readonly OpCase<Options>[],
) =>
  defineOp<Options>({
    name,
    doc,
    shape: ([x], options) => [{ shape: pooledShape(x!.shape, axesOf(x!, options)), dtype: x!.dtype }],
    forward(context, [x], options) {
      const winners = context.recording ? [] : undefined
      const y = maxPool(context, x!, axesOf(x!, options), winners)
      if (winners) context.save(...winners)
      return y
    },
    backward(context, [dy], winners, options) {
      const x = context.inputs[0]!
      return [maxPoolGradient(context, dy!, winners, axesOf(x, options), x.dtype)]
    },
    reference: ([x], options) => [poolReference(x!, axesOf({ shape: x!.shape, dtype: 'f32' }, options), largest)],
    cost: ([x], options) => poolCost(x!, axesOf(x!, options)),
    cases,
  })

/** Distinct values in scrambled order, exact in f16, so that central differences never change a winner. */
const distinct = (shape: Shape) => {
  const size = sizeOf(shape)
  return [{ shape, values: Array.from({ length: size }, (_, i) => (((i * 1009) % size) - size / 2) / 256) }]
}

const maxPool3dOp = define<MaxPool3dOptions>(
  'maxPool3d',
  'Largest element of each window of a volume.',
  (x, options) => slidingAxes('maxPool3d', x, options),
  [
    { name: 'halves', inputs: distinct([2, 4, 6, 2, 3]), options: { kernel: 2 } },
    {
      name: 'overlap and padding',
      inputs: distinct([1, 5, 4, 3, 4]),
      options: { kernel: 3, stride: 2, padding: 1 },
    },
    {
      name: 'ceil mode and axes apart',
      inputs: distinct([1, 5, 7, 6, 2]),
      options: { kernel: [2, 3, 1], stride: [2, 2, 1], ceilMode: true },
    },
    {
      name: 'ceil mode drops a window in the right padding',
      inputs: distinct([1, 3, 4, 5, 2]),
      options: { kernel: 2, stride: 2, padding: 1, ceilMode: true },
    },
    {
      name: 'dilation and padding',
      inputs: distinct([1, 7, 6, 5, 2]),
      options: { kernel: [3, 2, 3], stride: 1, padding: [2, 1, 1], dilation: [2, 3, 1] },
    },
    { name: 'gaps between windows', inputs: distinct([1, 7, 5, 8, 1]), options: { kernel: 1, stride: [3, 2, 4] } },
    {
      name: 'large windows, axis by axis',
      inputs: distinct([1, 6, 6, 5, 1]),
      options: { kernel: [6, 6, 4], stride: [1, 2, 3], padding: [2, 3, 0], ceilMode: true },
    },
    { name: 'no samples', inputs: [{ shape: [0, 4, 4, 4, 2] }], options: { kernel: 2 } },
    { name: 'halves', inputs: [{ shape: [1, 96, 96, 96, 32] }], options: { kernel: 2 }, bench: true },
    {
      name: 'overlapping stem',
      inputs: [{ shape: [2, 64, 64, 64, 64] }],
      options: { kernel: 3, stride: 2, padding: 1 },
      bench: true,
    },
    {
      name: 'organ tokens',
      inputs: [{ shape: [1, 112, 256, 352, 14] }],
      options: { kernel: [8, 16, 16] },
      bench: true,
    },
  ],
)

const adaptiveMaxPool3dOp = define<AdaptiveOptions>(
  'adaptiveMaxPool3d',
  'Largest element of each part of a volume.',
  (x, { outputSize }) => adaptiveAxes('adaptiveMaxPool3d', x, outputSize),
  [
    { name: 'uneven parts', inputs: distinct([1, 5, 7, 6, 3]), options: { outputSize: [2, 3, 4] } },
    { name: 'more parts than elements', inputs: distinct([1, 2, 3, 4, 4]), options: { outputSize: [5, 3, 7] } },
    { name: 'one part', inputs: distinct([2, 5, 6, 7, 2]), options: { outputSize: 1 } },
    { name: 'no parts', inputs: distinct([1, 2, 2, 2, 1]), options: { outputSize: [0, 1, 2] } },
    { name: 'one part', inputs: [{ shape: [2, 48, 48, 48, 64] }], options: { outputSize: 1 }, bench: true },
    { name: 'uneven parts', inputs: [{ shape: [1, 64, 80, 96, 32] }], options: { outputSize: 7 }, bench: true },
  ],
)

/**
 * The largest element of each window of `x` `[N, D, H, W, C]`, f32 or f16; padding never wins, NaN always does, and a
 * window without any element (dilation over padding) gives -infinity. The gradient goes to the first largest element of
 * each window. Sizes and rules as in PyTorch's `max_pool3d`.
 *
 * @throws ShapeError when an option is out of range or no window fits.
 */
export function maxPool3d(x: Tensor, options: MaxPool3dOptions): Tensor {
  return apply(maxPool3dOp, [x], options)
}

/**
 * The largest elements of `outputSize` parts of `x` `[N, D, H, W, C]`: part `o` of an axis runs from
 * `floor(o * in / out)` to `ceil((o + 1) * in / out)`.
 *
 * @throws LimitError when an axis is beyond 32767.
 */
export function adaptiveMaxPool3d(x: Tensor, outputSize: PerAxis): Tensor {
  return apply(adaptiveMaxPool3dOp, [x], { outputSize })
}

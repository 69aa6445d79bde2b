import { apply, defineOp, type OpCase } from '../../engine/op.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import { averagePool, averagePoolGradient } from './kernel.js'
import { poolCost, poolReference } from './reference.js'
import {
  adaptiveAxes,
  type PerAxis,
  pooledShape,
  type SlidingOptions,
  slidingAxes,
  type WindowAxes,
} from './windows.js'

export interface AvgPool3dOptions extends SlidingOptions {
  /** Default true: padded positions count in the divisor, those that `ceilMode` adds beyond them never do. */
  readonly countIncludePad?: boolean | undefined
}

interface AdaptiveOptions {
  readonly outputSize: PerAxis
}

const average = (values: readonly number[], divisor: number) =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / divisor

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
    forward: (context, [x], options) => averagePool(context, x!, axesOf(x!, options)),
    backward(context, [dy], _, options) {
      const x = context.inputs[0]!
      return [averagePoolGradient(context, dy!, axesOf(x, options), x.dtype)]
    },
    reference: ([x], options) => [poolReference(x!, axesOf({ shape: x!.shape, dtype: 'f32' }, options), average)],
    cost: ([x], options) => poolCost(x!, axesOf(x!, options)),
    cases,
  })

const avgPool3dOp = define<AvgPool3dOptions>(
  'avgPool3d',
  'Average of each window of a volume.',
  (x, options) => slidingAxes('avgPool3d', x, options),
  [
    { name: 'halves', inputs: [{ shape: [2, 4, 6, 2, 3] }], options: { kernel: 2 } },
    {
      name: 'padding counts',
      inputs: [{ shape: [1, 5, 4, 3, 4] }],
      options: { kernel: 3, stride: 2, padding: 1 },
    },
    {
      name: 'padding does not count',
      inputs: [{ shape: [1, 5, 4, 3, 2] }],
      options: { kernel: [3, 2, 3], stride: [2, 1, 1], padding: [1, 1, 0], countIncludePad: false },
    },
    {
      name: 'ceil mode beyond the padding',
      inputs: [{ shape: [1, 6, 7, 5, 2] }],
      options: { kernel: [4, 3, 2], stride: [3, 2, 2], padding: [1, 0, 1], ceilMode: true },
    },
    {
      name: 'ceil mode without padding',
      inputs: [{ shape: [1, 6, 7, 5, 2] }],
      options: { kernel: [4, 3, 2], stride: [3, 3, 2], padding: [1, 0, 1], ceilMode: true, countIncludePad: false },
    },
    { name: 'gaps between windows', inputs: [{ shape: [1, 7, 5, 8, 1] }], options: { kernel: 1, stride: [3, 2, 4] } },
    {
      name: 'large windows, axis by axis',
      inputs: [{ shape: [1, 6, 6, 5, 1] }],
      options: { kernel: [6, 6, 4], stride: [1, 2, 3], padding: [2, 3, 0], ceilMode: true },
    },
    { name: 'no channels', inputs: [{ shape: [1, 4, 4, 4, 0] }], options: { kernel: 2 } },
    { name: 'halves', inputs: [{ shape: [1, 96, 96, 96, 32] }], options: { kernel: 2 }, bench: true },
    {
      name: 'smoothing',
      inputs: [{ shape: [1, 128, 128, 128, 1] }],
      options: { kernel: 3, stride: 1, padding: 1, countIncludePad: false },
      bench: true,
    },
  ],
)

const adaptiveAvgPool3dOp = define<AdaptiveOptions>(
  'adaptiveAvgPool3d',
  'Average of each part of a volume.',
  (x, { outputSize }) => adaptiveAxes('adaptiveAvgPool3d', x, outputSize),
  [
    { name: 'uneven parts', inputs: [{ shape: [1, 5, 7, 6, 3] }], options: { outputSize: [2, 3, 4] } },
    { name: 'more parts than elements', inputs: [{ shape: [1, 2, 3, 4, 4] }], options: { outputSize: [5, 3, 7] } },
    { name: 'one part', inputs: [{ shape: [2, 5, 6, 7, 2] }], options: { outputSize: 1 } },
    { name: 'no parts', inputs: [{ shape: [1, 2, 2, 2, 1] }], options: { outputSize: [0, 1, 2] } },
    { name: 'one part', inputs: [{ shape: [2, 48, 48, 48, 64] }], options: { outputSize: 1 }, bench: true },
    { name: 'uneven parts', inputs: [{ shape: [1, 64, 80, 96, 32] }], options: { outputSize: 7 }, bench: true },
  ],
)

/**
 * The average of each window of `x` `[N, D, H, W, C]`, f32 or f16, with sums in f32. Sizes and divisors as in PyTorch's
 * `avg_pool3d`.
 *
 * @throws ShapeError when an option is out of range or no window fits.
 */
export function avgPool3d(x: Tensor, options: AvgPool3dOptions): Tensor {
  return apply(avgPool3dOp, [x], options)
}

/**
 * The averages of `outputSize` parts of `x` `[N, D, H, W, C]`: part `o` of an axis runs from `floor(o * in / out)` to
 * `ceil((o + 1) * in / out)`. With `outputSize` 1, the average of the volume.
 *
 * @throws LimitError when an axis is beyond 32767.
 */
export function adaptiveAvgPool3d(x: Tensor, outputSize: PerAxis): Tensor {
  return apply(adaptiveAvgPool3dOp, [x], { outputSize })
}

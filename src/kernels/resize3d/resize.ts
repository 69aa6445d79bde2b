import { bytesPerElement } from '../../engine/dtype.js'
import { apply, type BackwardContext, defineOp, type ReferenceArray } from '../../engine/op.js'
import { type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { adaptiveAvgPool3d } from '../pool3d/index.js'
import { gradientPasses, type Resize3dOptions, resizeAxes, resizedShape, type VolumeSize } from './axes.js'
import { resizeGradientKernel, resizeKernel } from './kernel.js'

/** Of the operation; mode `area` is another one. */
interface ResizeOptions extends Resize3dOptions {
  readonly size: VolumeSize
  readonly mode: 'trilinear' | 'nearest'
}

function gradient(context: BackwardContext, dy: Tensor, options: ResizeOptions): Tensor {
  const x = context.inputs[0]!
  const passes = gradientPasses(resizeAxes(x, options.size, options))
  const [samples, , , , channels] = x.shape as [number, number, number, number, number]
  let input = dy
  for (const [index, axes] of passes.entries()) {
    const target = index === passes.length - 1 ? x.dtype : 'f32'
    const output = context.empty([samples, ...axes.map(({ extent }) => extent), channels], target)
    const nearest = options.mode === 'nearest'
    const problem = { samples, channels, axes, nearest, source: input.dtype, target }
    context.run({ kernel: resizeGradientKernel, problem, inputs: [input], outputs: [output] })
    input = output
  }
  return input
}

/** The inputs of an output along an axis with their weights, as PyTorch's documentation states them. */
function weights(extent: number, outputs: number, o: number, { mode, alignCorners }: ResizeOptions) {
  if (mode === 'nearest') return [{ at: Math.floor((o * extent) / outputs), weight: 1 }]
  const corners = outputs === 1 ? 0 : (o * (extent - 1)) / (outputs - 1)
  const position = alignCorners ? corners : Math.max(0, ((o + 0.5) * extent) / outputs - 0.5)
  const lower = Math.floor(position)
  const upper = Math.min(lower + 1, extent - 1)
  return [
    { at: lower, weight: 1 - (position - lower) },
    { at: upper, weight: position - lower },
  ]
}

function reference({ data, shape }: ReferenceArray, target: Shape, options: ResizeOptions): ReferenceArray {
  const [, depth, height, width, channels] = shape as [number, number, number, number, number]
  const [, depths, heights, widths] = target as [number, number, number, number]
  const result = new Float64Array(sizeOf(target))
  for (let i = 0; i < result.length; i++) {
    const c = i % channels
    let rest = Math.floor(i / channels)
    const w = rest % widths
    rest = Math.floor(rest / widths)
    const h = rest % heights
    rest = Math.floor(rest / heights)
    const d = rest % depths
    const n = Math.floor(rest / depths)
    for (const z of weights(depth, depths, d, options)) {
      for (const y of weights(height, heights, h, options)) {
        for (const x of weights(width, widths, w, options)) {
          const value = data[(((n * depth + z.at) * height + y.at) * width + x.at) * channels + c]!
          result[i] = result[i]! + z.weight * y.weight * x.weight * value
        }
      }
    }
  }
  return { data: result, shape: target }
}

const resizeOp = defineOp<ResizeOptions>({
  name: 'resize3d',
  doc: 'A volume at another size, by trilinear or nearest interpolation.',
  shape([x], options) {
    return [{ shape: resizedShape(x!.shape, resizeAxes(x!, options.size, options)), dtype: x!.dtype }]
  },
  forward(context, [x], options) {
    const y = context.empty()
    const problem = {
      samples: x!.shape[0]!,
      channels: x!.shape[4]!,
      axes: resizeAxes(x!, options.size, options),
      nearest: options.mode === 'nearest',
      source: x!.dtype,
      target: x!.dtype,
    }
    context.run({ kernel: resizeKernel, problem, inputs: [x!], outputs: [y] })
    return y
  },
  backward: (context, [dy], _, options) => [gradient(context, dy!, options)],
  reference([x], options) {
    const axes = resizeAxes({ shape: x!.shape, dtype: 'f32' }, options.size, options)
    return [reference(x!, resizedShape(x!.shape, axes), options)]
  },
  cost([x], options) {
    const target = sizeOf(resizedShape(x!.shape, resizeAxes(x!, options.size, options)))
    const flops = options.mode === 'nearest' ? 0 : 21 * target
    return { flops, bytes: bytesPerElement(x!.dtype) * (sizeOf(x!.shape) + target) }
  },
  cases: [
    { name: 'twice', inputs: [{ shape: [2, 2, 3, 2, 3] }], options: { size: [4, 6, 4], mode: 'trilinear' } },
    { name: 'odd factors', inputs: [{ shape: [1, 4, 3, 5, 4] }], options: { size: [7, 5, 4], mode: 'trilinear' } },
    { name: 'much smaller', inputs: [{ shape: [1, 9, 7, 5, 1] }], options: { size: [2, 1, 2], mode: 'trilinear' } },
    { name: 'from one element', inputs: [{ shape: [1, 1, 2, 1, 2] }], options: { size: [3, 5, 1], mode: 'trilinear' } },
    { name: 'same size', inputs: [{ shape: [1, 3, 2, 4, 2] }], options: { size: [3, 2, 4], mode: 'trilinear' } },
    {
      name: 'corners, odd factors',
      inputs: [{ shape: [1, 4, 3, 5, 4] }],
      options: { size: [7, 5, 4], mode: 'trilinear', alignCorners: true },
    },
    {
      name: 'corners, ones',
      inputs: [{ shape: [1, 3, 1, 4, 2] }],
      options: { size: [1, 4, 2], mode: 'trilinear', alignCorners: true },
    },
    {
      name: 'much larger, gradient axis by axis',
      inputs: [{ shape: [1, 1, 2, 1, 4] }],
      options: { size: [9, 14, 8], mode: 'trilinear' },
    },
    {
      name: 'corners, gradient axis by axis',
      inputs: [{ shape: [1, 1, 2, 2, 1] }],
      options: { size: [9, 9, 9], mode: 'trilinear', alignCorners: true },
    },
    { name: 'nearest, twice', inputs: [{ shape: [1, 2, 3, 2, 4] }], options: { size: [4, 6, 4], mode: 'nearest' } },
    {
      name: 'nearest, odd factors',
      inputs: [{ shape: [2, 4, 3, 7, 3] }],
      options: { size: [7, 5, 4], mode: 'nearest' },
    },
    {
      name: 'nearest, gradient axis by axis',
      inputs: [{ shape: [1, 2, 1, 1, 2] }],
      options: { size: [10, 9, 9], mode: 'nearest' },
    },
    { name: 'no samples', inputs: [{ shape: [0, 2, 2, 2, 4] }], options: { size: 4, mode: 'trilinear' } },
    {
      name: 'decoder doubles',
      inputs: [{ shape: [1, 48, 48, 48, 32] }],
      options: { size: 96, mode: 'trilinear' },
      bench: true,
    },
    {
      name: 'scan to model size',
      inputs: [{ shape: [1, 300, 512, 512, 1] }],
      options: { size: [112, 256, 352], mode: 'trilinear' },
      bench: true,
    },
    {
      name: 'nearest doubles',
      inputs: [{ shape: [1, 48, 48, 48, 32] }],
      options: { size: 96, mode: 'nearest' },
      bench: true,
    },
  ],
})

/**
 * `x` `[N, D, H, W, C]`, f32 or f16, at another size: `[N, ...size, C]`. The samples of PyTorch's `interpolate` without
 * antialiasing; a shrinking axis skips elements. Positions are exact fractions: `nearest` takes `floor(o * in / out)`,
 * where PyTorch's f32 arithmetic falls one short for some sizes (2 to 82: output 41), never for whole factors. `area` is
 * {@link adaptiveAvgPool3d}.
 *
 * @throws ShapeError when `x` is no volume or a size is below 1; LimitError for axes beyond 32767; ValueError for
 * `alignCorners` of another mode than `trilinear`.
 */
export function resize3d(x: Tensor, size: VolumeSize, options: Resize3dOptions): Tensor {
  const { mode } = options
  if (mode === 'area') {
    resizeAxes(x, size, options)
    return adaptiveAvgPool3d(x, size)
  }
  return apply(resizeOp, [x], { ...options, mode, size })
}

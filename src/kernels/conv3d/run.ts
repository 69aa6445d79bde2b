/** Records the kernels of both operations: each is the other's gradient. */
import type { DType } from '../../engine/dtype.js'
import type { DispatchRequest } from '../../engine/kernel.js'
import type { Shape } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { runReduce } from '../reduce/kernel.js'
import type { Activation } from './activation.js'
import { type ConvolutionGeometry, volumeOf } from './geometry.js'
import {
  convolveKernel,
  packedShape,
  packKernel,
  type WeightStrides,
  weightGradientKernel,
  weightGradientParts,
} from './kernel.js'

export interface RunContext {
  empty(shape: Shape, dtype?: DType): Tensor
  run<P>(request: DispatchRequest<P>): void
}

/** `y` from `x` and a weight `[coarse channels, kernel, fine channels / groups]`, from fine to coarse or back. */
export interface ConvolveCall {
  readonly direction: 'convolve' | 'transpose'
  readonly geometry: ConvolutionGeometry
  readonly x: Tensor
  readonly weight: Tensor
  readonly bias?: Tensor | undefined
  readonly activation?: Activation | undefined
  readonly y: Tensor
}

export function runConvolve(context: RunContext, call: ConvolveCall): void {
  const { direction, geometry, x, weight, bias, y } = call
  const { batch, fine, coarse, kernel, stride, paddingBefore, dilation, groups, fineChannels, coarseChannels } =
    geometry
  const down = direction === 'convolve'
  const [packed, weightStrides] = packWeight(context, weight, geometry, down)
  context.run({
    kernel: convolveKernel,
    problem: {
      direction,
      batch,
      input: down ? fine : coarse,
      output: down ? coarse : fine,
      kernel,
      stride,
      padding: paddingBefore,
      dilation,
      groups,
      inputChannels: down ? fineChannels : coarseChannels,
      outputChannels: down ? coarseChannels : fineChannels,
      weightStrides,
      inputType: x.dtype,
      weightType: weight.dtype,
      outputType: y.dtype,
      biasType: bias?.dtype,
      activation: call.activation,
    },
    inputs: [x, packed, bias ?? x],
    outputs: [y],
  })
}

/**
 * The weight as convolve.wgsl walks it: taps, then input channels, then output channels, these padded. A pointwise weight
 * with whole 4-vectors of output channels last is that already.
 */
function packWeight(
  context: RunContext,
  weight: Tensor,
  { kernel, groups, fineChannels, coarseChannels }: ConvolutionGeometry,
  outputsFirst: boolean,
): [Tensor, WeightStrides] {
  const taps = volumeOf(kernel)
  const [first, last] = [coarseChannels / groups, fineChannels / groups]
  if (!outputsFirst && taps === 1 && last % 4 === 0) {
    return [weight, { group: first * last, tap: last, channel: last }]
  }
  const [contracted, outputs] = outputsFirst ? [last, first] : [first, last]
  const problem = { dtype: weight.dtype, groups, taps, contracted, outputs, outputsFirst }
  const shape = packedShape(problem)
  const packed = context.empty(shape, weight.dtype)
  context.run({ kernel: packKernel, problem, inputs: [weight], outputs: [packed] })
  const padded = shape[3]!
  return [packed, { group: taps * contracted * padded, tap: contracted * padded, channel: padded }]
}

/** The gradient of a weight `[coarse channels, kernel, fine channels / groups]`. */
export function runWeightGradient(
  context: RunContext,
  geometry: ConvolutionGeometry,
  coarse: Tensor,
  fine: Tensor,
  { shape, dtype }: { readonly shape: Shape; readonly dtype: DType },
): Tensor {
  const problem = {
    batch: geometry.batch,
    fine: geometry.fine,
    coarse: geometry.coarse,
    kernel: geometry.kernel,
    stride: geometry.stride,
    padding: geometry.paddingBefore,
    dilation: geometry.dilation,
    groups: geometry.groups,
    fineChannels: geometry.fineChannels,
    coarseChannels: geometry.coarseChannels,
    fineType: fine.dtype,
    coarseType: coarse.dtype,
  }
  const parts = weightGradientParts(problem)
  const partial = context.empty([parts, ...shape])
  context.run({
    kernel: weightGradientKernel,
    problem: { ...problem, parts },
    inputs: [coarse, fine],
    outputs: [partial],
  })
  return runReduce(context, partial, { mode: 'sum', axes: [0], dtype, outputShape: shape })
}

/** The gradient of a bias: the sum over everything but channels. */
export function runBiasGradient(context: RunContext, dy: Tensor, dtype: DType): Tensor {
  return runReduce(context, dy, { mode: 'sum', axes: [0, 1, 2, 3], dtype, outputShape: [dy.shape[4]!] })
}

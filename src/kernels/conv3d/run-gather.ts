/** Records the kernels for what makes no matrix product: groups of few channels, and strides with very many phases. */
import type { Tensor } from '../../engine/tensor.js'
import { runReduce } from '../reduce/kernel.js'
import { gatherKernel, packedShape, packKernel, type WeightStrides } from './gather.js'
import { gatherWeightGradientKernel, weightGradientParts } from './gather-weight-gradient.js'
import { type ConvolutionGeometry, volumeOf } from './geometry.js'
import type { ConvolveCall, RunContext, WeightSpec } from './run.js'
import type { Slab } from './slabs.js'

export function runGather(context: RunContext, call: ConvolveCall): void {
  const { direction, geometry, x, weight, bias, activation, y } = call
  const { batch, fine, coarse, kernel, stride, paddingBefore, dilation, groups, fineChannels, coarseChannels } =
    geometry
  const down = direction === 'convolve'
  const depthwise = groups > 1 && groups === fineChannels && groups === coarseChannels
  const [packed, weightStrides] = depthwise
    ? packWeight(context, weight, { ...geometry, groups: 1, fineChannels: 1 }, true)
    : packWeight(context, weight, geometry, down)
  context.run({
    kernel: gatherKernel,
    problem: {
      direction,
      batch,
      input: down ? fine : coarse,
      output: down ? coarse : fine,
      kernel,
      stride,
      padding: paddingBefore,
      dilation,
      groups: depthwise ? 1 : groups,
      depthwise,
      inputFirst: x.first,
      outputFirst: y.first,
      inputChannels: down ? fineChannels : coarseChannels,
      outputChannels: down ? coarseChannels : fineChannels,
      weightStrides,
      inputType: x.dtype,
      weightType: weight.dtype,
      outputType: y.dtype,
      biasType: bias?.dtype,
      activation,
    },
    inputs: [x.binding, packed, bias ?? x.binding],
    outputs: [y.binding],
  })
}

/**
 * The weight as gather.wgsl walks it: taps, then input channels, then output channels, these padded. A pointwise weight
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
export function runGatherWeightGradient(
  context: RunContext,
  { geometry, fine, coarse }: Slab,
  { shape, dtype }: WeightSpec,
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
    fineFirst: fine.first,
    coarseFirst: coarse.first,
    fineChannels: geometry.fineChannels,
    coarseChannels: geometry.coarseChannels,
    fineType: fine.dtype,
    coarseType: coarse.dtype,
  }
  const parts = weightGradientParts(problem)
  const partial = context.empty([parts, ...shape], 'f32')
  context.run({
    kernel: gatherWeightGradientKernel,
    problem: { ...problem, parts },
    inputs: [coarse.binding, fine.binding],
    outputs: [partial],
  })
  return runReduce(context, partial, { mode: 'sum', axes: [0], dtype, outputShape: shape })
}

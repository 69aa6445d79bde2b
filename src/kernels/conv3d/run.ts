/** Records the kernels of both operations: each is the other's gradient. */
import type { DType } from '../../engine/dtype.js'
import type { DispatchRequest } from '../../engine/kernel.js'
import type { Shape } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import type { Activation } from '../elementwise/activation.js'
import { cast } from '../elementwise/elementwise.js'
import { runReduce } from '../reduce/kernel.js'
import { type ConvolutionGeometry, map3, type Triple, volumeOf } from './geometry.js'
import { phasesOf } from './phases.js'
import { productKernel } from './product.js'
import { runGather, runGatherWeightGradient } from './run-gather.js'
import { weightGradientKernel } from './weight-gradient.js'
import { mergeTaps, stridesOf, type VolumeView, type Windows } from './windows.js'

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

/** A group with fewer channels on either side leaves most of a product's tile empty. */
const leastGroupChannels = 4
/** Phases are dispatches; more than this are gathered in one. */
const mostPhases = 64

const isProduct = ({ groups, fineChannels, coarseChannels }: ConvolutionGeometry): boolean =>
  groups === 1 || Math.min(fineChannels, coarseChannels) / groups >= leastGroupChannels

export function runConvolve(context: RunContext, call: ConvolveCall): void {
  const { direction, geometry } = call
  if (!isProduct(geometry) || (direction === 'transpose' && volumeOf(geometry.stride) > mostPhases)) {
    runGather(context, call)
  } else if (direction === 'convolve') runWindows(context, call)
  else runPhases(context, call)
}

const viewOf = (extents: Triple, { shape, dtype }: Tensor): VolumeView => ({
  extents,
  channels: shape[4]!,
  first: 0,
  dtype,
})

/** The windows of the fine volume. */
function windowsOf(geometry: ConvolutionGeometry, x: Tensor): Windows {
  const { batch, groups, fine, coarse, kernel, stride, paddingBefore, dilation, fineChannels } = geometry
  return mergeTaps({
    volume: viewOf(fine, x),
    batch,
    groups,
    grid: coarse,
    step: stride,
    origin: map3((axis) => -paddingBefore[axis]),
    reach: dilation,
    taps: kernel,
    run: fineChannels / groups,
  })
}

function runWindows(context: RunContext, { geometry, x, weight, bias, activation, y }: ConvolveCall): void {
  const { coarse, coarseChannels, groups } = geometry
  context.run({
    kernel: productKernel,
    problem: {
      windows: windowsOf(geometry, x),
      outputs: coarseChannels / groups,
      weight: { order: 'rows' },
      target: { first: 0, strides: stridesOf(viewOf(coarse, y)) },
      weightType: weight.dtype,
      outputType: y.dtype,
      biasType: bias?.dtype,
      activation,
    },
    inputs: [x, weight, ...(bias ? [bias] : [])],
    outputs: [y],
  })
}

function runPhases(context: RunContext, { geometry, x, weight, bias, activation, y }: ConvolveCall): void {
  const { batch, groups, kernel, stride, coarse, fine, fineChannels, coarseChannels } = geometry
  const [n, d, h, w] = stridesOf(viewOf(fine, y))
  const tapStrides = [kernel[1] * kernel[2], kernel[2], 1] as const
  const dot = (values: Triple, by: Triple) => values[0] * by[0] + values[1] * by[1] + values[2] * by[2]
  for (const phase of phasesOf(geometry)) {
    const windows: Windows = {
      volume: viewOf(coarse, x),
      batch,
      groups,
      grid: phase.count,
      step: [1, 1, 1],
      origin: phase.origin,
      reach: phase.reach,
      taps: phase.taps,
      run: coarseChannels / groups,
    }
    context.run({
      kernel: productKernel,
      problem: {
        windows,
        outputs: fineChannels / groups,
        weight: {
          order: 'columns',
          allTaps: volumeOf(kernel),
          firstTap: dot(phase.firstTap, tapStrides),
          nextTap: map3((axis) => phase.nextTap[axis] * tapStrides[axis]),
        },
        target: { first: dot(phase.first, [d, h, w]), strides: [n, d * stride[0], h * stride[1], w * stride[2]] },
        weightType: weight.dtype,
        outputType: y.dtype,
        biasType: bias?.dtype,
        activation,
      },
      inputs: [x, weight, ...(bias ? [bias] : [])],
      outputs: [y],
    })
  }
}

/** The gradient of a weight `[coarse channels, kernel, fine channels / groups]`. */
export function runWeightGradient(
  context: RunContext,
  geometry: ConvolutionGeometry,
  coarse: Tensor,
  fine: Tensor,
  weight: { readonly shape: Shape; readonly dtype: DType },
): Tensor {
  if (!isProduct(geometry)) return runGatherWeightGradient(context, geometry, coarse, fine, weight)
  const gradient = context.empty(weight.shape, 'f32')
  context.run({
    kernel: weightGradientKernel,
    problem: {
      windows: windowsOf(geometry, fine),
      coarse: viewOf(geometry.coarse, coarse),
    },
    inputs: [coarse, fine],
    outputs: [gradient],
  })
  return cast(gradient, weight.dtype)
}

/** The gradient of a bias: the sum over everything but channels. */
export function runBiasGradient(context: RunContext, dy: Tensor, dtype: DType): Tensor {
  return runReduce(context, dy, { mode: 'sum', axes: [0, 1, 2, 3], dtype, outputShape: [dy.shape[4]!] })
}

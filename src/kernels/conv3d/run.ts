/** Records the kernels of both operations: each is the other's gradient. */
import type { Device } from '../../engine/device.js'
import type { DType } from '../../engine/dtype.js'
import type { DispatchRequest } from '../../engine/kernel.js'
import type { Shape } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import type { Activation } from '../elementwise/activation.js'
import { add, cast } from '../elementwise/elementwise.js'
import { type ConvolutionGeometry, map3, type Triple, volumeOf } from './geometry.js'
import { phasesOf } from './phases.js'
import { productKernel } from './product.js'
import { runGather, runGatherWeightGradient } from './run-gather.js'
import { type Slab, slabsOf, type VolumePart } from './slabs.js'
import { weightGradientKernel } from './weight-gradient.js'
import { mergeTaps, stridesOf, type VolumeView, type Windows } from './windows.js'

export interface RunContext {
  readonly device: Device
  empty(shape: Shape, dtype?: DType): Tensor
  run<P>(request: DispatchRequest<P>): void
}

/** `y` from `x` and a weight `[coarse channels, kernel, fine channels / groups]`, from fine to coarse or back. */
interface Convolve<Volume> {
  readonly direction: 'convolve' | 'transpose'
  readonly geometry: ConvolutionGeometry
  readonly x: Volume
  readonly weight: Tensor
  readonly bias?: Tensor | undefined
  readonly activation?: Activation | undefined
  readonly y: Volume
}

export type ConvolveCall = Convolve<VolumePart>

export interface WeightSpec {
  readonly shape: Shape
  readonly dtype: DType
}

/** A group with fewer channels on either side leaves most of a product's tile empty. */
const leastGroupChannels = 4
/** Phases are dispatches; more than this are gathered in one. */
const mostPhases = 64

const isProduct = ({ groups, fineChannels, coarseChannels }: ConvolutionGeometry): boolean =>
  groups === 1 || Math.min(fineChannels, coarseChannels) / groups >= leastGroupChannels

/** Whether the windows tile the fine volume: no overlap, no gap, nothing outside. */
function isPatchwise({ kernel, stride, dilation, paddingBefore, fine, coarse, groups }: ConvolutionGeometry): boolean {
  const tiles = (axis: 0 | 1 | 2) =>
    kernel[axis] === stride[axis] &&
    (kernel[axis] === 1 || dilation[axis] === 1) &&
    paddingBefore[axis] === 0 &&
    fine[axis] === coarse[axis] * stride[axis]
  return groups === 1 && tiles(0) && tiles(1) && tiles(2)
}

export function runConvolve(context: RunContext, call: Convolve<Tensor>): void {
  const { x, y } = call
  const { maxBindingBytes } = context.device.capabilities
  const down = call.direction === 'convolve'
  const volumes = down ? { fine: x, coarse: y } : { fine: y, coarse: x }
  for (const { geometry, fine, coarse } of slabsOf(call.geometry, volumes, down ? 'coarse' : 'fine', maxBindingBytes)) {
    const [from, to] = down ? [fine, coarse] : [coarse, fine]
    runPart(context, { ...call, geometry, x: from, y: to })
  }
}

function runPart(context: RunContext, call: ConvolveCall): void {
  const { direction, geometry } = call
  const isScattered = direction === 'transpose' && !isPatchwise(geometry) && volumeOf(geometry.stride) > mostPhases
  if (!isProduct(geometry) || isScattered) {
    runGather(context, call)
  } else if (direction === 'convolve') runWindows(context, call)
  else if (isPatchwise(geometry)) runPatches(context, call)
  else runPhases(context, call)
}

const viewOf = (extents: Triple, { channels, first, dtype }: VolumePart): VolumeView => ({
  extents,
  channels,
  first,
  dtype,
})

/** The windows of the fine volume. */
function windowsOf(geometry: ConvolutionGeometry, x: VolumePart): Windows {
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
      target: { first: y.first, strides: stridesOf(viewOf(coarse, y)) },
      weightType: weight.dtype,
      outputType: y.dtype,
      biasType: bias?.dtype,
      activation,
    },
    inputs: [x.binding, weight, ...(bias ? [bias] : [])],
    outputs: [y.binding],
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
        target: {
          first: y.first + dot(phase.first, [d, h, w]),
          strides: [n, d * stride[0], h * stride[1], w * stride[2]],
        },
        weightType: weight.dtype,
        outputType: y.dtype,
        biasType: bias?.dtype,
        activation,
      },
      inputs: [x.binding, weight, ...(bias ? [bias] : [])],
      outputs: [y.binding],
    })
  }
}

/** One product of all coarse voxels with all taps, each voxel's results spread over its patch. */
function runPatches(context: RunContext, { geometry, x, weight, bias, activation, y }: ConvolveCall): void {
  const { batch, kernel, stride, coarse, fine, fineChannels, coarseChannels } = geometry
  const [n, d, h, w] = stridesOf(viewOf(fine, y))
  context.run({
    kernel: productKernel,
    problem: {
      windows: {
        volume: viewOf(coarse, x),
        batch,
        groups: 1,
        grid: coarse,
        step: [1, 1, 1],
        origin: [0, 0, 0],
        reach: [1, 1, 1],
        taps: [1, 1, 1],
        run: coarseChannels,
      },
      outputs: volumeOf(kernel) * fineChannels,
      weight: { order: 'columns', allTaps: 1, firstTap: 0, nextTap: [0, 0, 0] },
      target: { first: y.first, strides: [n, d * stride[0], h * stride[1], w * stride[2]] },
      patch: { extents: kernel, channels: fineChannels, strides: [d, h] },
      weightType: weight.dtype,
      outputType: y.dtype,
      biasType: bias?.dtype,
      activation,
    },
    inputs: [x.binding, weight, ...(bias ? [bias] : [])],
    outputs: [y.binding],
  })
}

/** The gradient of a weight `[coarse channels, kernel, fine channels / groups]`; sums over slabs are f32. */
export function runWeightGradient(
  context: RunContext,
  geometry: ConvolutionGeometry,
  coarse: Tensor,
  fine: Tensor,
  weight: WeightSpec,
): Tensor {
  const slabs = slabsOf(geometry, { fine, coarse }, 'coarse', context.device.capabilities.maxBindingBytes)
  const [first, ...others] = slabs
  if (others.length === 0) return gradientOfSlab(context, first!, weight)
  const partial = (slab: Slab) => gradientOfSlab(context, slab, { ...weight, dtype: 'f32' })
  return cast(
    others.reduce((sum, slab) => add(sum, partial(slab)), partial(first!)),
    weight.dtype,
  )
}

function gradientOfSlab(context: RunContext, slab: Slab, weight: WeightSpec): Tensor {
  const { geometry, fine, coarse } = slab
  if (!isProduct(geometry)) return runGatherWeightGradient(context, slab, weight)
  const gradient = context.empty(weight.shape, weight.dtype)
  context.run({
    kernel: weightGradientKernel,
    problem: {
      windows: windowsOf(geometry, fine),
      coarse: viewOf(geometry.coarse, coarse),
      outputType: weight.dtype,
    },
    inputs: [coarse.binding, fine.binding],
    outputs: [gradient],
  })
  return gradient
}

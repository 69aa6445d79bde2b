/** Where the elements of a convolution lie: options, extents, and the error messages about them. */
import { NotSupportedError, ShapeError } from '../../engine/errors.js'
import { formatShape, type Shape } from '../../engine/shape.js'
import type { Activation } from '../elementwise/activation.js'

/** One number per spatial axis: depth, height, width. */
export type Triple = readonly [number, number, number]

/** Options of a convolution with every default filled in. */
export interface ConvolutionOptions {
  readonly stride: Triple
  readonly paddingBefore: Triple
  readonly paddingAfter: Triple
  readonly dilation: Triple
  readonly groups: number
  /** Applied to the result. */
  readonly activation?: Activation | undefined
}

/**
 * The grids and channels of a convolution. "Fine" is the side that windows are read from (the input of `conv3d`, the
 * output of `convTranspose3d`), "coarse" the side with one position per window.
 */
export interface ConvolutionGeometry extends ConvolutionOptions {
  readonly batch: number
  readonly fine: Triple
  readonly coarse: Triple
  readonly kernel: Triple
  readonly fineChannels: number
  readonly coarseChannels: number
}

export const triple = (value: number | Triple | undefined, fallback: number): Triple =>
  value === undefined
    ? [fallback, fallback, fallback]
    : typeof value === 'number'
      ? [value, value, value]
      : [value[0], value[1], value[2]]

export function map3<T>(fn: (axis: 0 | 1 | 2) => T): readonly [T, T, T] {
  return [fn(0), fn(1), fn(2)]
}

export const volumeOf = (extents: Triple): number => extents[0] * extents[1] * extents[2]

/** Padding as `[before, after]`; "same" puts the surplus element at the end of an axis. */
export function resolvePadding(
  op: string,
  padding: number | Triple | 'same' | readonly [Triple, Triple] | undefined,
  { kernel, stride, dilation }: { kernel: Triple; stride: Triple; dilation: Triple },
): readonly [Triple, Triple] {
  if (padding === 'same') {
    if (volumeOf(stride) !== 1) throw new NotSupportedError(`${op}: padding "same" needs stride 1, got ${stride}`)
    const total = map3((axis) => dilation[axis] * (kernel[axis] - 1))
    const before = map3((axis) => Math.floor(total[axis] / 2))
    return [before, map3((axis) => total[axis] - before[axis])]
  }
  if (typeof padding === 'object' && padding.length === 2) return padding
  const both = triple(padding, 0)
  return [both, both]
}

function checkOptions(op: string, options: ConvolutionOptions): void {
  const { stride, dilation, groups, paddingBefore, paddingAfter } = options
  const positive = [...stride, ...dilation, groups].every((n) => Number.isInteger(n) && n > 0)
  const whole = [...paddingBefore, ...paddingAfter].every((n) => Number.isInteger(n) && n >= 0)
  if (positive && whole) return
  throw new ShapeError(
    `${op}: stride ${stride}, dilation ${dilation} and groups ${groups} must be positive integers, ` +
      `padding ${paddingBefore} before and ${paddingAfter} after non-negative ones`,
  )
}

/** Input and weight are `[N, D, H, W, C]` and `[first, kD, kH, kW, last]`. */
export function checkRanks(op: string, x: Shape, weight: Shape): void {
  if (x.length !== 5 || weight.length !== 5) {
    throw new ShapeError(
      `${op}: takes x [N, D, H, W, C] and a weight of 5 axes, got ${formatShape(x)} and ${formatShape(weight)}`,
    )
  }
}

export function checkChannels(op: string, x: Shape, weight: Shape, bias: Shape | undefined, channels: Channels): void {
  const { weightInput, groups, outputs } = channels
  if (weightInput !== x[4] || outputs % groups !== 0 || x[4]! % groups !== 0) {
    throw new ShapeError(
      `${op}: x ${formatShape(x)} and weight ${formatShape(weight)} do not fit together with ${groups} groups`,
    )
  }
  if (bias && (bias.length !== 1 || bias[0] !== outputs)) {
    throw new ShapeError(`${op}: bias ${formatShape(bias)} does not have the ${outputs} channels of the result`)
  }
}

interface Channels {
  /** Input channels by the weight. */
  readonly weightInput: number
  readonly outputs: number
  readonly groups: number
}

/** What a window covers along each axis. */
const reach = ({ kernel, dilation }: { kernel: Triple; dilation: Triple }): Triple =>
  map3((axis) => dilation[axis] * (kernel[axis] - 1) + 1)

/** The grid of windows, one output voxel each. */
function coarseGrid(fine: Triple, kernel: Triple, options: ConvolutionOptions): Triple {
  const { stride, paddingBefore, paddingAfter, dilation } = options
  const window = reach({ kernel, dilation })
  return map3(
    (axis) => Math.floor((fine[axis] + paddingBefore[axis] + paddingAfter[axis] - window[axis]) / stride[axis]) + 1,
  )
}

export const spatial = (shape: Shape): Triple => [shape[1]!, shape[2]!, shape[3]!]

/** Of `conv3d`: fine is the input, coarse the result. */
export function conv3dGeometry(op: string, x: Shape, weight: Shape, options: ConvolutionOptions): ConvolutionGeometry {
  checkRanks(op, x, weight)
  checkOptions(op, options)
  const kernel = spatial(weight)
  const fine = spatial(x)
  const coarse = coarseGrid(fine, kernel, options)
  if (coarse.some((extent) => extent < 1) || volumeOf(kernel) === 0) {
    throw new ShapeError(
      `${op}: x ${formatShape(x)} with padding ${options.paddingBefore} and ${options.paddingAfter} is smaller than the ` +
        `window of weight ${formatShape(weight)} with dilation ${options.dilation}`,
    )
  }
  return { ...options, batch: x[0]!, fine, coarse, kernel, fineChannels: x[4]!, coarseChannels: weight[0]! }
}

export interface TransposeOptions {
  readonly stride: Triple
  readonly padding: Triple
  readonly outputPadding: Triple
  readonly dilation: Triple
  readonly groups: number
}

/** Of `convTranspose3d`: fine is the result, coarse the input. */
export function transposeGeometry(
  op: string,
  x: Shape,
  weight: Shape,
  { stride, padding, outputPadding, dilation, groups }: TransposeOptions,
): ConvolutionGeometry {
  checkRanks(op, x, weight)
  const options = { stride, paddingBefore: padding, paddingAfter: padding, dilation, groups }
  checkOptions(op, options)
  if (outputPadding.some((n, axis) => n < 0 || n >= Math.max(stride[axis]!, dilation[axis]!))) {
    throw new ShapeError(
      `${op}: outputPadding ${outputPadding} must be smaller than stride ${stride} or dilation ${dilation}`,
    )
  }
  const kernel = spatial(weight)
  const coarse = spatial(x)
  const window = reach({ kernel, dilation })
  const fine = map3(
    (axis) => (coarse[axis] - 1) * stride[axis] - 2 * padding[axis] + window[axis] + outputPadding[axis],
  )
  if (fine.some((extent) => extent < 1) || volumeOf(kernel) === 0 || volumeOf(coarse) === 0) {
    throw new ShapeError(
      `${op}: x ${formatShape(x)} and weight ${formatShape(weight)} with padding ${padding} leave nothing of the result`,
    )
  }
  return { ...options, batch: x[0]!, fine, coarse, kernel, fineChannels: weight[4]! * groups, coarseChannels: x[4]! }
}

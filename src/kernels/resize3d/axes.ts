/** Where the outputs of a resized axis lie between its inputs, in exact integers. */
import { checkDType } from '../../engine/dtype.js'
import { LimitError, ShapeError, ValueError } from '../../engine/errors.js'
import { formatShape, type Shape } from '../../engine/shape.js'
import type { TensorSpec } from '../../engine/tensor.js'

export type ResizeMode = 'trilinear' | 'nearest' | 'area'

export interface Resize3dOptions {
  /**
   * `trilinear` weighs the eight elements around a position; `nearest` takes the one at or before it; `area` averages the
   * part of the volume that an output stands for, from `floor(o * in / out)` to `ceil((o + 1) * in / out)` of each axis.
   */
  readonly mode: ResizeMode
  /**
   * For `trilinear`, default false: positions are `(o + 0.5) * in / out - 0.5`, and 0 where that is negative. True: the
   * centres of the corners stay in place, `o * (in - 1) / (out - 1)`.
   */
  readonly alignCorners?: boolean | undefined
}

/** One number for all three axes, or one for depth, height and width each. */
export type VolumeSize = number | readonly [depth: number, height: number, width: number]

/** Output `o` lies at `max(0, factor * o + offset) / divisor` of an axis. */
export interface ResizeAxis {
  readonly extent: number
  readonly outputs: number
  readonly factor: number
  readonly offset: number
  readonly divisor: number
}

/** Depth, height, width. */
export type ResizeAxes = readonly [ResizeAxis, ResizeAxis, ResizeAxis]

/** Keeps twice the product of an axis's extents below 2^31. */
const largestExtent = 32767

/**
 * The axes of a resize of `x` to `size`.
 *
 * @throws ShapeError when `x` is no volume or a size is below 1, LimitError beyond 32767.
 */
export function resizeAxes(x: TensorSpec, size: VolumeSize, { mode, alignCorners }: Resize3dOptions): ResizeAxes {
  checkDType('resize3d', ['f32', 'f16'], x)
  const sizes = typeof size === 'number' ? [size, size, size] : size
  const extents = x.shape.slice(1, 4)
  if (x.shape.length !== 5 || extents.includes(0)) {
    throw new ShapeError(`resize3d: takes a volume [N, D, H, W, C] with D, H, W above 0, got ${formatShape(x.shape)}`)
  }
  if (sizes.length !== 3 || sizes.some((extent) => !Number.isSafeInteger(extent) || extent < 1)) {
    throw new ShapeError(`resize3d: the size must be one or three integers above 0, got ${formatShape(sizes)}`)
  }
  if (mode !== 'trilinear' && alignCorners)
    throw new ValueError('resize3d: alignCorners is an option of mode trilinear')
  if (Math.max(...extents, ...sizes) > largestExtent) {
    throw new LimitError(
      `resize3d: axes go up to ${largestExtent}, got ${formatShape(x.shape)} to ${formatShape(sizes)}`,
    )
  }
  const axisOf = (k: number): ResizeAxis => {
    const extent = extents[k]!
    const outputs = sizes[k]!
    if (mode === 'nearest') return { extent, outputs, factor: extent, offset: 0, divisor: outputs }
    if (alignCorners) return { extent, outputs, factor: extent - 1, offset: 0, divisor: Math.max(1, outputs - 1) }
    return { extent, outputs, factor: 2 * extent, offset: extent - outputs, divisor: 2 * outputs }
  }
  return [axisOf(0), axisOf(1), axisOf(2)]
}

const identity = (extent: number): ResizeAxis => ({ extent, outputs: extent, factor: 1, offset: 0, divisor: 1 })

/** `[N, size, C]` of a volume's shape. */
export function resizedShape(shape: Shape, axes: ResizeAxes): Shape {
  return [shape[0]!, ...axes.map(({ outputs }) => outputs), shape[4]!]
}

/** Outputs over one input that are worth a pass for each axis. */
const manyOutputs = 512

/**
 * The gradient as a sequence of passes, in the order in which they run. One, unless very many outputs touch each input;
 * then axis by axis, which adds fewer terms and keeps a GPU busy however small the input is.
 */
export function gradientPasses(axes: ResizeAxes): readonly ResizeAxes[] {
  const touching = axes.reduce((product, { extent, outputs }) => product * Math.min(outputs, 2 * (outputs / extent)), 1)
  if (touching <= manyOutputs) return [axes]
  const [depth, height, width] = axes
  const passes: ResizeAxes[] = [
    [depth, identity(height.outputs), identity(width.outputs)],
    [identity(depth.extent), height, identity(width.outputs)],
    [identity(depth.extent), identity(height.extent), width],
  ]
  return passes.filter((_, k) => axes[k]!.extent !== axes[k]!.outputs)
}

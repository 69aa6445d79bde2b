/** Which elements of a volume each pooling window takes: options resolved, shapes checked. */
import { checkDType } from '../../engine/dtype.js'
import { LimitError, ShapeError } from '../../engine/errors.js'
import { formatShape, type Shape } from '../../engine/shape.js'
import type { TensorSpec } from '../../engine/tensor.js'

/** One number for all three axes, or one for depth, height and width each. */
export type PerAxis = number | readonly [depth: number, height: number, width: number]

/** Windows that slide in equal steps. */
export interface SlidingOptions {
  /** Elements that a window takes. */
  readonly kernel: PerAxis
  /** Default the kernel: windows side by side. */
  readonly stride?: PerAxis | undefined
  /** Positions added on both sides, default 0; at most half the window. */
  readonly padding?: PerAxis | undefined
  /** Default false. True adds the windows that begin inside, or in the left padding, and reach beyond the right end. */
  readonly ceilMode?: boolean | undefined
}

/** The windows along one axis. */
export interface WindowAxis {
  readonly extent: number
  readonly outputs: number
  /** Windows from `floor(o * extent / outputs)` to `ceil((o + 1) * extent / outputs)`; the fields below do not count. */
  readonly adaptive: boolean
  readonly kernel: number
  readonly stride: number
  readonly padding: number
  readonly dilation: number
  /** Whether an average divides by padded positions too. */
  readonly countsPadding: boolean
}

/** Depth, height, width. */
export type WindowAxes = readonly [WindowAxis, WindowAxis, WindowAxis]

const perAxis = (value: PerAxis): readonly [number, number, number] =>
  typeof value === 'number' ? [value, value, value] : value

function checkVolume(op: string, x: TensorSpec): void {
  checkDType(op, ['f32', 'f16'], x)
  if (x.shape.length !== 5 || x.shape.slice(1, 4).includes(0)) {
    throw new ShapeError(`${op}: takes a volume [N, D, H, W, C] with D, H, W above 0, got ${formatShape(x.shape)}`)
  }
}

function checkOption(op: string, name: string, value: PerAxis, least: number): readonly [number, number, number] {
  const values = perAxis(value)
  if (values.length !== 3 || values.some((entry) => !Number.isInteger(entry) || entry < least || entry > 2 ** 30)) {
    throw new ShapeError(`${op}: ${name} must be one integer or three from ${least} on, got ${formatShape(values)}`)
  }
  return values
}

interface ResolvedOptions extends SlidingOptions {
  readonly dilation?: PerAxis | undefined
  readonly countIncludePad?: boolean | undefined
}

/**
 * The axes of sliding windows over `x`, with PyTorch's output sizes.
 *
 * @throws ShapeError when an option is out of range or no window fits.
 */
export function slidingAxes(op: string, x: TensorSpec, options: ResolvedOptions): WindowAxes {
  checkVolume(op, x)
  const kernel = checkOption(op, 'kernel', options.kernel, 1)
  const stride = checkOption(op, 'stride', options.stride ?? options.kernel, 1)
  const padding = checkOption(op, 'padding', options.padding ?? 0, 0)
  const dilation = checkOption(op, 'dilation', options.dilation ?? 1, 1)
  const axisOf = (k: 0 | 1 | 2): WindowAxis => {
    const axis = {
      extent: x.shape[k + 1]!,
      adaptive: false,
      kernel: kernel[k],
      stride: stride[k],
      padding: padding[k],
      dilation: dilation[k],
      countsPadding: options.countIncludePad ?? true,
    }
    const span = dilation[k] * (kernel[k] - 1) + 1
    if (padding[k] > Math.floor(span / 2)) {
      throw new ShapeError(`${op}: padding ${formatShape(padding)} is more than half of a window that spans ${span}`)
    }
    const outputs = countWindows(axis, span, options.ceilMode ?? false)
    if (outputs < 1) {
      throw new ShapeError(
        `${op}: no window of kernel ${formatShape(kernel)}, dilation ${formatShape(dilation)} and padding ` +
          `${formatShape(padding)} fits into ${formatShape(x.shape)}`,
      )
    }
    return { ...axis, outputs }
  }
  return [axisOf(0), axisOf(1), axisOf(2)]
}

function countWindows(axis: Omit<WindowAxis, 'outputs'>, span: number, ceilMode: boolean): number {
  const { extent, stride, padding } = axis
  const steps = (extent + 2 * padding - span) / stride
  if (!ceilMode) return Math.floor(steps) + 1
  const count = Math.ceil(steps) + 1
  return (count - 1) * stride >= extent + padding ? count - 1 : count
}

/** Keeps the products of extents below 2^31. */
const largestAdaptiveExtent = 32767

/** The axes of windows that divide `x` into `outputSize` parts. */
export function adaptiveAxes(op: string, x: TensorSpec, outputSize: PerAxis): WindowAxes {
  checkVolume(op, x)
  const sizes = checkOption(op, 'outputSize', outputSize, 0)
  const axisOf = (k: 0 | 1 | 2): WindowAxis => {
    const extent = x.shape[k + 1]!
    if (Math.max(extent, sizes[k]) > largestAdaptiveExtent) {
      throw new LimitError(
        `${op}: axes go up to ${largestAdaptiveExtent}, got ${formatShape(x.shape)} to ${formatShape(sizes)}`,
      )
    }
    return { ...identity(extent, true), outputs: sizes[k] }
  }
  return [axisOf(0), axisOf(1), axisOf(2)]
}

/** Windows of one element each. */
const identity = (extent: number, adaptive: boolean): WindowAxis => ({
  extent,
  outputs: extent,
  adaptive,
  kernel: 1,
  stride: 1,
  padding: 0,
  dilation: 1,
  countsPadding: false,
})

const isIdentity = ({ extent, outputs, kernel, padding }: WindowAxis) =>
  extent === outputs && kernel === 1 && padding === 0

/** `[N, outputs, C]` of a volume's shape. */
export function pooledShape(shape: Shape, axes: WindowAxes): Shape {
  return [shape[0]!, ...axes.map(({ outputs }) => outputs), shape[4]!]
}

/** Steps along an axis that one invocation makes: elements of a window, or windows over an element. */
function stepsOf({ adaptive, extent, outputs, kernel }: WindowAxis): number {
  if (!adaptive) return kernel
  return Math.max(Math.ceil(extent / Math.max(1, outputs)), Math.ceil(outputs / extent)) + 1
}

/** Elements of a window that are worth a pass for each axis. */
const largeWindow = 128

/**
 * Pooling as a sequence of passes. Small windows take one. A large window is the product of its axes, and pooled one
 * axis after the other, the innermost first: fewer reads, and a global pool keeps a GPU busy.
 */
export function poolPasses(axes: WindowAxes): readonly WindowAxes[] {
  const steps = axes.reduce((product, axis) => product * stepsOf(axis), 1)
  if (steps <= largeWindow) return [axes]
  const [depth, height, width] = axes
  const passes: WindowAxes[] = [
    [identity(depth.extent, depth.adaptive), identity(height.extent, height.adaptive), width],
    [identity(depth.extent, depth.adaptive), height, identity(width.outputs, width.adaptive)],
    [depth, identity(height.outputs, height.adaptive), identity(width.outputs, width.adaptive)],
  ]
  return passes.filter((_, pass) => !isIdentity(axes[2 - pass]!))
}

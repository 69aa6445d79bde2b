import { bytesPerElement, checkDType } from '../../engine/dtype.js'
import { LimitError, NotSupportedError, ShapeError } from '../../engine/errors.js'
import { apply, defineOp } from '../../engine/op.js'
import { scope } from '../../engine/scope.js'
import { formatShape, type Shape, sizeOf } from '../../engine/shape.js'
import { type Tensor, type TensorSpec, tensor } from '../../engine/tensor.js'
import { type WarpInterpolation, warp3dKernel } from './kernel.js'
import { encodeMaps, mapWords, type WarpMap } from './maps.js'
import { warpReference } from './reference.js'

export type { WarpInterpolation } from './kernel.js'

interface WarpOptions {
  readonly size: readonly [number, number, number]
  readonly interpolation: WarpInterpolation
  readonly outside?: number | undefined
}

/** Keeps products of an index and a count of control points below 2^31. */
const largestExtent = 32767

function warpedShape([x, maps, bend]: readonly TensorSpec[], { size, interpolation }: WarpOptions): Shape {
  checkDType('warp3d', interpolation === 'nearest' ? ['f32', 'f16', 'i32', 'u32'] : ['f32', 'f16'], x!)
  const { shape } = x!
  const extents = [...shape.slice(1, 4), ...size, ...(bend?.shape.slice(1, 4) ?? [])]
  if (shape.length !== 5 || extents.some((extent) => !Number.isSafeInteger(extent) || extent < 1)) {
    throw new ShapeError(
      `warp3d: takes volumes [N, D, H, W, C] to a size above 0, got ${formatShape(shape)} to ${formatShape(size)}`,
    )
  }
  if (Math.max(...extents) > largestExtent) {
    throw new LimitError(`warp3d: axes go up to ${largestExtent}, got ${formatShape(shape)} to ${formatShape(size)}`)
  }
  if (maps!.shape[0] !== shape[0] || maps!.shape[1] !== mapWords) {
    throw new ShapeError(`warp3d: ${formatShape(shape)} needs one map for each sample, got ${maps!.shape[0]}`)
  }
  if (bend && (bend.shape.length !== 5 || bend.shape[0] !== shape[0] || bend.shape[4] !== 3)) {
    throw new ShapeError(
      `warp3d: the control points of ${formatShape(shape)} are [${shape[0]}, d, h, w, 3], got ${formatShape(bend.shape)}`,
    )
  }
  return [shape[0]!, ...size, shape[4]!]
}

/** The words of maps, as cases write them. */
const words = (maps: readonly WarpMap[]) => ({
  shape: [maps.length, mapWords],
  dtype: 'i32' as const,
  values: [...encodeMaps(maps, [8, 8, 8])],
})
/** A rotation by 0.3 radians about the width axis, stretched a little, and a shift; then a flip of the depth axis. */
const oblique = [words([[0.97, -0.21, 0.05, 0.4, 0.22, 0.96, -0.03, -0.75, 0, 0.1, 0.9, 0.3]])]
const turned = [words([[-1, 0, 0, 3, 0, 0, 1, 0, 0, 1, 0, 0]])]
const volume: { shape: Shape } = { shape: [1, 4, 3, 5, 1] }
const control = { shape: [1, 3, 2, 4, 3], range: [-1.5, 1.5] as const }

const warpOp = defineOp<WarpOptions>({
  name: 'warp3d',
  doc: 'Volumes at the places that an affine map, and a bend, send their voxels to.',
  differentiable: false,
  shape: (inputs, options) => [{ shape: warpedShape(inputs, options), dtype: inputs[0]!.dtype }],
  forward(context, [x, maps, bend], options) {
    const y = context.empty()
    const { interpolation, outside, size } = options
    // Every binding must be there; without a bend it is not read, and any numbers will do.
    const control = bend ?? context.empty([1], 'f32')
    const problem = {
      samples: x!.shape[0]!,
      channels: x!.shape[4]!,
      size: x!.shape.slice(1, 4),
      targetSize: size,
      dtype: x!.dtype,
      bend: bend?.shape.slice(1, 4),
      bendType: control.dtype,
      ...{ interpolation, outside },
    }
    context.run({ kernel: warp3dKernel, problem, inputs: [x!, maps!, control], outputs: [y] })
    return y
  },
  reference([x, maps, bend], options) {
    const specs = [x!, maps!, bend].flatMap((array) => (array ? [{ shape: array.shape, dtype: 'f32' as const }] : []))
    const target = warpedShape(specs, options)
    const { interpolation, outside } = options
    return [warpReference(x!, maps!.data, { target, interpolation, outside, bend })]
  },
  cost([x], { size, interpolation }) {
    const target = x!.shape[0]! * sizeOf(size) * x!.shape[4]!
    const flops = { nearest: 0, linear: 24, cubic: 192 }[interpolation] * target
    return { flops, bytes: bytesPerElement(x!.dtype) * (sizeOf(x!.shape) + target) }
  },
  cases: [
    { name: 'oblique', inputs: [volume, ...oblique], options: { size: [5, 4, 6], interpolation: 'linear' } },
    {
      name: 'oblique, outside',
      inputs: [volume, ...oblique],
      options: { size: [5, 4, 6], interpolation: 'linear', outside: -3 },
    },
    { name: 'oblique, nearest', inputs: [volume, ...oblique], options: { size: [5, 4, 6], interpolation: 'nearest' } },
    { name: 'oblique, cubic', inputs: [volume, ...oblique], options: { size: [5, 4, 6], interpolation: 'cubic' } },
    { name: 'turned', inputs: [volume, ...turned], options: { size: [4, 5, 3], interpolation: 'linear' } },
    {
      name: 'labels',
      inputs: [{ shape: [1, 4, 3, 5, 1], dtype: 'i32', range: [0, 9] }, ...turned],
      options: { size: [4, 5, 3], interpolation: 'nearest', outside: 0 },
    },
    {
      name: 'two maps, vectors',
      inputs: [{ shape: [2, 3, 2, 4, 4] }, words([identityMapOf(1.5), identityMapOf(0.5)])],
      options: { size: [3, 3, 3], interpolation: 'linear' },
    },
    { name: 'bent', inputs: [volume, ...oblique, control], options: { size: [4, 3, 5], interpolation: 'linear' } },
    {
      name: 'bent, cubic, outside',
      inputs: [volume, ...turned, control],
      options: { size: [4, 5, 3], interpolation: 'cubic', outside: 1 },
    },
    {
      name: 'rotates a crop',
      inputs: [{ shape: [1, 192, 192, 192, 1] }, ...oblique],
      options: { size: [192, 192, 192], interpolation: 'linear', outside: 0 },
      bench: true,
    },
  ],
})

function identityMapOf(scale: number): WarpMap {
  return [scale, 0, 0, 0.25, 0, scale, 0, 0, 0, 0, scale, -0.125]
}

export interface Warp3dOptions {
  /** One map for each sample: where each voxel of the result lies in `x` (see {@link WarpMap}). */
  readonly maps: readonly WarpMap[]
  /** Depth, height, width of the result. Default: those of `x`. */
  readonly size?: readonly [depth: number, height: number, width: number] | undefined
  /** `nearest` also takes i32 and u32; `cubic` is the Catmull-Rom spline. Default `linear`. */
  readonly interpolation?: WarpInterpolation | undefined
  /** What lies half a voxel and more beyond the outermost voxel centres. Default: the edge, repeated. */
  readonly outside?: number | undefined
  /**
   * Control points `[N, d, h, w, 3]` f32 of a cubic B-spline that is added to the places: displacements in voxels of `x`
   * along depth, height and width, on an even grid from the first to the last voxel of the result.
   */
  readonly bend?: Tensor | undefined
}

/**
 * `x` `[N, D, H, W, C]` sampled at mapped places: any resampling, rotation, flip or elastic deformation in one pass.
 * Places are computed in fixed point and are the same on every adapter.
 *
 * @throws NotSupportedError when a gradient is asked for; ShapeError for maps, sizes or control points that do not fit.
 */
export function warp3d(x: Tensor, options: Warp3dOptions): Tensor {
  const { maps, interpolation = 'linear', outside, bend } = options
  const size = options.size ?? (x.shape.slice(1, 4) as [number, number, number])
  if (x.requiresGrad || bend?.requiresGrad) {
    throw new NotSupportedError('warp3d: has no gradient; it prepares inputs. Resize by resize3d where one is needed')
  }
  return scope(() => {
    const encoded = tensor(x.device, encodeMaps(maps, size), [maps.length, mapWords])
    return apply(warpOp, bend ? [x, encoded, bend] : [x, encoded], { size, interpolation, outside })
  })
}

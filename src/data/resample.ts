import { blurAndSample } from './antialias.js'
import { DataError } from './errors.js'
import type { Triple } from './geometry.js'
import { sampleAlongLines } from './interpolate.js'
import { antialiasSigma, resampledAffine, sampleAxis } from './sampling-grid.js'
import { cOrderStrides, contiguous, countVoxels, spacingMm, type Volume, validateVolume, volumeName } from './volume.js'
import { allocateVoxels, isIntegerType, voxelType } from './voxels.js'

export interface ResampleOptions {
  /** 'linear' (default) blends the eight neighbours; 'nearest' copies one and suits label maps. */
  interpolation?: 'linear' | 'nearest'
  /** Gaussian smoothing of the axes that lose resolution, before they are sampled. Default false. */
  antialias?: Antialias
  /**
   * How ITK, and with it TorchIO, treats integer images: the result keeps the integer type, each value truncated toward
   * zero. Without it linear results are float32. Float volumes are not affected. Default false.
   */
  roundTowardZero?: boolean
}

export type Antialias = false | 'sampled-gaussian'

/** 16 GiB of float32: past any scan, and past what a typed array can have. */
const MOST_VOXELS = 2 ** 32 - 1

/**
 * Resamples to another voxel spacing: same directions, same centre, sizes by `sampleAxis`, edges repeated. Returns a
 * C-ordered volume, float32 for linear interpolation (computed in float64), or of the input's type for 'nearest' and
 * for integers with `roundTowardZero`.
 *
 * Throws a DataError for a spacing that is not positive, and for an axis that would have no voxel left.
 */
export function resampleToSpacing(
  volume: Volume,
  newSpacingMm: Readonly<Triple>,
  options: ResampleOptions = {},
): Volume {
  const { interpolation = 'linear', antialias = false, roundTowardZero = false } = options
  validateVolume(volume)
  const path = volumeName(volume)
  if (newSpacingMm.length !== 3 || !newSpacingMm.every((mm) => Number.isFinite(mm) && mm > 0)) {
    throw new DataError(`cannot resample to a spacing of (${newSpacingMm.join(', ')}) mm`, {
      path,
      remedy: 'Give three positive numbers',
    })
  }
  if (interpolation === 'nearest' && antialias) {
    throw new DataError("antialias 'sampled-gaussian' makes no sense with nearest-neighbour interpolation", { path })
  }
  const oldSpacing = spacingMm(volume)
  const axes = volume.shape.map((size, axis) => sampleAxis(size, oldSpacing[axis]!, newSpacingMm[axis]!))
  const shape = axes.map((axis) => axis.size) as Triple
  const thin = shape.findIndex((size) => size < 1)
  if (thin >= 0) {
    const lengthMm = volume.shape[thin]! * oldSpacing[thin]!
    throw new DataError(`axis ${thin} is ${lengthMm} mm long, less than one voxel of ${newSpacingMm[thin]} mm`, {
      path,
    })
  }
  if (countVoxels(shape) > MOST_VOXELS) {
    throw new DataError(`${newSpacingMm.join(' x ')} mm voxels would give a volume of ${shape.join(' x ')}`, {
      path,
      remedy: 'Is the spacing in millimetres?',
    })
  }

  const storedType = voxelType(volume.data)
  const keepsType = interpolation === 'nearest' || (roundTowardZero && isIntegerType(storedType))
  const type = keepsType ? storedType : 'float32'
  const affine = resampledAffine(volume.affine, volume.shape, shape, newSpacingMm)
  const resampled = { ...volume, shape, strides: cOrderStrides(shape), offset: 0, affine }
  if (antialias) {
    const sigmas = oldSpacing.map((mm, axis) => antialiasSigma(mm, newSpacingMm[axis]!))
    return contiguous({ ...resampled, ...blurAndSample(volume, axes, sigmas) }, type)
  }
  resampled.data = allocateVoxels(type, countVoxels(shape))
  sampleAlongLines(volume, resampled, interpolation)
  return resampled
}

import { blurAndSample } from './antialias.js'
import {
  type AxisTables,
  linearPositions,
  linearTable,
  nearestTable,
  pickByTables,
  sampleByTables,
} from './axis-tables.js'
import { DataError } from './errors.js'
import { type Affine, type Axis, checkAffine, type Triple } from './geometry.js'
import { type Grid, gridOf, recorded } from './history.js'
import { type Interpolation, sampleAlongLines, tablesBetween } from './interpolate.js'
import { antialiasSigma } from './sampling-grid.js'
import { type SampledGrid, type SamplingRule, sampledGrid } from './sampling-rules.js'
import type { StridedArray } from './strided-copy.js'
import { cOrderStrides, contiguous, countVoxels, spacingMm, type Volume, validateVolume, volumeName } from './volume.js'
import { allocateVoxels, canHold, isIntegerType, type VoxelType, voxelType } from './voxels.js'

export interface ResampleOptions {
  /**
   * 'linear' (default) blends the eight neighbours; 'nearest' copies one and suits label maps; 'cubic' is the
   * Catmull-Rom spline (see `catmullRom`).
   */
  interpolation?: Interpolation | undefined
  /** Whose arithmetic places the new grid. Default 'torchio'. */
  rule?: SamplingRule | undefined
  /** Gaussian smoothing of the axes that lose resolution, before they are sampled. Default false. */
  antialias?: Antialias | undefined
  /**
   * How ITK, and with it TorchIO, treats integer images: the result keeps the integer type, each value truncated toward
   * zero. Without it linear and cubic results are float32. Float volumes are not affected. Default false.
   */
  roundTowardZero?: boolean | undefined
}

export type Antialias = false | 'sampled-gaussian'

export interface ResampleToGridOptions {
  /** As of `ResampleOptions`. Default 'linear'. */
  interpolation?: Interpolation
  /** The value of voxels outside the volume. Default: its edge, repeated. */
  outside?: number
}

/** 16 GiB of float32: past any scan, and past what a typed array can have. */
const MOST_VOXELS = 2 ** 32 - 1

/**
 * Resamples to another voxel spacing along the volume's own axes; `rule` decides about size and place, edges are
 * repeated. Returns a C-ordered volume: float32 (computed in float64), or the input's type for 'nearest' and for
 * integers with `roundTowardZero`.
 *
 * Throws a DataError for a spacing that is not positive, and for an axis that would have no voxel left.
 */
export function resampleToSpacing(
  volume: Volume,
  newSpacingMm: Readonly<Triple>,
  options: ResampleOptions = {},
): Volume {
  const { interpolation = 'linear', antialias = false, roundTowardZero = false } = options
  const begun = beginResampling(volume, newSpacingMm, options)
  if (begun) {
    begun.fill(volume, begun.target, begun.tables)
    return begun.target
  }
  const grid = resampledGrid(volume, newSpacingMm, options)
  const sigmas = spacingMm(volume).map((mm, axis) => (antialias ? antialiasSigma(mm, newSpacingMm[axis]!) : 0))
  const method = interpolation === 'cubic' ? 'cubic' : 'linear'
  const blurred = { ...onGrid(volume, grid), ...blurAndSample(volume, grid.axes, sigmas, method) }
  return contiguous(blurred, resultType(volume, interpolation, roundTowardZero))
}

/** A resampling by tables whose voxels are still to come. */
export interface BegunResampling {
  /** With zeros. */
  target: Volume
  tables: AxisTables
  fill: (source: StridedArray, target: StridedArray, tables: AxisTables) => void
}

/**
 * What `resampleToSpacing` would fill in, and from where, so that it can be done by parts. Undefined for cubic
 * interpolation and with antialiasing, which take the axes one after the other. Errors as there.
 */
export function beginResampling(
  volume: Volume,
  newSpacingMm: Readonly<Triple>,
  options: ResampleOptions,
): BegunResampling | undefined {
  const { interpolation = 'linear', rule = 'torchio', antialias = false, roundTowardZero = false } = options
  validateVolume(volume)
  const grid = resampledGrid(volume, newSpacingMm, options)
  if (antialias || interpolation === 'cubic') return undefined
  const target = onGrid(volume, grid)
  target.data = allocateVoxels(resultType(volume, interpolation, roundTowardZero), countVoxels(grid.shape))
  return {
    target,
    tables: axisTables(volume, grid, { rule, interpolation }),
    fill: interpolation === 'nearest' ? pickByTables : sampleByTables,
  }
}

/**
 * Where the samples of each axis lie in the source. By TorchIO's rule through millimetres, as ITK gets there, if that is
 * possible axis by axis (integer results show the last bit); else, and for oblique grids, along the axes themselves.
 */
export function axisTables(
  source: Pick<Volume, 'shape' | 'strides' | 'affine'>,
  grid: SampledGrid,
  { rule, interpolation }: { rule: SamplingRule; interpolation: 'linear' | 'nearest' },
): AxisTables {
  const straight = rule === 'torchio' ? tablesBetween(source, grid, interpolation) : undefined
  if (straight !== undefined) return straight
  const table = (axis: Axis) => {
    const [samples, size, stride] = [grid.axes[axis], source.shape[axis], source.strides[axis]]
    if (interpolation === 'nearest') return nearestTable(samples, rule, size, stride)
    return linearTable(linearPositions(samples, rule), size, stride)
  }
  return [table(0), table(1), table(2)]
}

type GridOwner = Pick<Volume, 'shape' | 'affine' | 'source'>

/** The grid that `resampleToSpacing` resamples to. Errors as there. */
export function resampledGrid(
  volume: GridOwner,
  newSpacingMm: Readonly<Triple>,
  { interpolation = 'linear', rule = 'torchio', antialias = false }: ResampleOptions,
): SampledGrid {
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
  const grid = sampledGrid(rule, volume, newSpacingMm)
  checkGrid(volume, grid, newSpacingMm)
  return grid
}

/**
 * Resamples onto any grid, such as that of another volume: each new voxel takes the value at its place in the patient.
 * Returns a C-ordered volume of the types of `resampleToSpacing`. Throws a DataError for a grid that is none, and for an
 * `outside` that the voxel type cannot hold.
 */
export function resampleToGrid(volume: Volume, grid: Grid, options: ResampleToGridOptions = {}): Volume {
  const { interpolation = 'linear', outside } = options
  validateVolume(volume)
  const path = volumeName(volume)
  if (grid.shape.length !== 3 || !grid.shape.every((size) => Number.isSafeInteger(size) && size >= 1)) {
    throw new DataError(`cannot resample to a shape of (${grid.shape.join(', ')})`, { path })
  }
  checkAffine(grid.affine, path)
  checkCount(volume, grid.shape)
  const type = resultType(volume, interpolation, false)
  if (outside !== undefined && !canHold(type, outside)) {
    throw new DataError(`the value ${outside} for voxels outside does not fit voxels of type ${type}`, { path })
  }
  const resampled = onGrid(volume, grid)
  resampled.data = allocateVoxels(type, countVoxels(grid.shape))
  sampleAlongLines(volume, resampled, { interpolation, outside })
  return resampled
}

/** The volume's properties on another grid; its voxels are still to come. */
function onGrid(volume: Volume, grid: Grid): Volume {
  const { shape, affine } = gridOf(grid) as { shape: Triple; affine: Affine }
  const history = recorded(volume, { kind: 'resample' }, { shape, affine })
  return { ...volume, shape, affine, strides: cOrderStrides(shape), offset: 0, history }
}

function resultType(volume: Volume, interpolation: Interpolation, roundTowardZero: boolean): VoxelType {
  const stored = voxelType(volume.data)
  return interpolation === 'nearest' || (roundTowardZero && isIntegerType(stored)) ? stored : 'float32'
}

function checkGrid(volume: GridOwner, { shape }: SampledGrid, newSpacingMm: Readonly<Triple>): void {
  const thin = shape.findIndex((size) => !(size >= 1))
  if (thin >= 0) {
    const lengthMm = volume.shape[thin]! * spacingMm(volume)[thin]!
    throw new DataError(`axis ${thin} is ${lengthMm} mm long, less than one voxel of ${newSpacingMm[thin]} mm`, {
      path: volumeName(volume),
    })
  }
  checkCount(volume, shape)
}

function checkCount(volume: GridOwner, shape: Readonly<Triple>): void {
  if (countVoxels(shape) <= MOST_VOXELS) return
  throw new DataError(`the result would be a volume of ${shape.join(' x ')} voxels`, {
    path: volumeName(volume),
    remedy: 'Is the spacing in millimetres?',
  })
}

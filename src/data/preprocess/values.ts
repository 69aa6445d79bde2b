import { DataError } from '../errors.js'
import { contiguous, type Volume, volumeName } from '../volume.js'
import { allocateVoxels, canHold, type VoxelArray, type VoxelType, voxelType } from '../voxels.js'
import type { NormalizeOptions } from './steps.js'

/** A linear map of values. */
export interface LinearMap {
  slope: number
  intercept: number
}

/** Integers stay integers when their type can hold both limits. NaN stays. */
export function clamped(volume: Volume, min: number, max: number, inPlace: boolean): Volume {
  const type = voxelType(volume.data)
  const keepsType = canHold(type, min) && canHold(type, max)
  return mapped(volume, keepsType ? type : 'float32', inPlace, (from, to) => {
    for (let n = 0; n < to.length; n++) {
      const value = from[n]!
      to[n] = value < min ? min : value > max ? max : value
    }
  })
}

/** Computed in float64, stored as float32. */
export function mappedLinearly(volume: Volume, { slope, intercept }: LinearMap, inPlace: boolean): Volume {
  return mapped(volume, 'float32', inPlace, (values, results) => {
    for (let n = 0; n < results.length; n++) results[n] = values[n]! * slope + intercept
  })
}

/** The map from one interval to another. */
export function intervalMap(from: readonly [number, number], to: readonly [number, number]): LinearMap {
  const slope = (to[1] - to[0]) / (from[1] - from[0])
  return { slope, intercept: to[0] - from[0] * slope }
}

/** The map to zero mean and unit variance. Throws a DataError when no voxel counts, or when all are equal. */
export function normalizingMap(volume: Volume, { above, percentiles }: NormalizeOptions): LinearMap {
  const path = volumeName(volume)
  const { data } = contiguous(volume)
  const counted = above === undefined ? data : data.filter((value) => value > above)
  const [low, high] = percentiles ? percentilesOf(counted, percentiles) : [Number.NEGATIVE_INFINITY, Infinity]
  let [count, sum] = [0, 0]
  for (const value of counted) {
    if (value >= low && value <= high) {
      count++
      sum += value
    }
  }
  if (count === 0) {
    throw new DataError(`no voxel counts for normalisation`, {
      path,
      remedy: above === undefined ? 'Are all of them NaN?' : `No voxel is above ${above}; check the threshold`,
    })
  }
  const mean = sum / count
  let squares = 0
  for (const value of counted) if (value >= low && value <= high) squares += (value - mean) ** 2
  const deviation = Math.sqrt(squares / count)
  if (!(deviation > 0 && Number.isFinite(deviation))) {
    throw new DataError(`the voxels that count for normalisation have a standard deviation of ${deviation}`, {
      path,
      remedy: 'An image of one value cannot be normalised',
    })
  }
  return { slope: 1 / deviation, intercept: -mean / deviation }
}

/** Percentiles with linear interpolation between neighbours, NaN left out: NumPy's default. */
function percentilesOf(values: VoxelArray, wanted: readonly [number, number]): [number, number] {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort()
  return wanted.map((part) => {
    const position = (part / 100) * (sorted.length - 1)
    const below = Math.floor(position)
    const value = sorted[below] ?? Number.NaN
    return value + (position - below) * ((sorted[below + 1] ?? value) - value)
  }) as [number, number]
}

/** A C-ordered volume whose voxels `fill` computes from those of the volume, one by one. */
function mapped(
  volume: Volume,
  type: VoxelType,
  inPlace: boolean,
  fill: (from: VoxelArray, to: VoxelArray) => void,
): Volume {
  const { data: from, ...rest } = contiguous(volume)
  const own = from !== volume.data || inPlace
  const data = own && voxelType(from) === type ? from : allocateVoxels(type, from.length)
  fill(from, data)
  return { ...rest, data }
}

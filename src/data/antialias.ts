import { catmullRom } from './catmull-rom.js'
import type { Triple } from './geometry.js'
import type { SampledAxis } from './sampling-grid.js'
import { axesByStride } from './strided-copy.js'
import { countVoxels, type Volume } from './volume.js'
import { allocateVoxels, type VoxelArray } from './voxels.js'

/** The sampled Gaussian ends at this many standard deviations. */
const TRUNCATE_AT_SIGMAS = 4

/** One axis of a separable linear map: new sample n = sum over t of weights[n][t] * old[first[n] + t]. */
export interface BandedMatrix {
  first: Int32Array
  weights: Float64Array[]
}

type View = Pick<Volume, 'data' | 'shape' | 'strides' | 'offset'>

/** Samples of a Gaussian at whole voxels -radius to radius, of sum 1. */
function gaussianKernel(sigma: number): Float64Array {
  const radius = Math.floor(TRUNCATE_AT_SIGMAS * sigma + 0.5)
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, n) => Math.exp(-0.5 * ((n - radius) / sigma) ** 2))
  const sum = kernel.reduce((total, value) => total + value, 0)
  return kernel.map((value) => value / sum)
}

/** Where a sample takes its value from: old voxels with their weights, those without weight left out. */
function interpolationTaps(position: number, interpolation: 'linear' | 'cubic'): { voxel: number; share: number }[] {
  const below = Math.floor(position)
  const part = position - below
  const shares = interpolation === 'linear' ? [1 - part, part] : catmullRom(part)
  const first = interpolation === 'linear' ? below : below - 1
  return shares.map((share, n) => ({ voxel: first + n, share })).filter(({ share }) => share !== 0)
}

/**
 * "Blur, then interpolate" along one axis as a single matrix. Taps beyond an end are added to the outermost voxel,
 * which is what repeating the edge means.
 */
export function blurAndSampleMatrix(
  size: number,
  samples: SampledAxis,
  sigma: number,
  interpolation: 'linear' | 'cubic',
): BandedMatrix {
  const kernel = sigma > 0 ? gaussianKernel(sigma) : new Float64Array([1])
  const radius = (kernel.length - 1) / 2
  const clamp = (index: number) => Math.min(Math.max(index, 0), size - 1)
  const first = new Int32Array(samples.size)
  const weights: Float64Array[] = []
  for (let n = 0; n < samples.size; n++) {
    const position = Math.min(Math.max(samples.firstIndex + n * samples.step, 0), size - 1)
    const taps = interpolationTaps(position, interpolation)
    const start = clamp(taps[0]!.voxel - radius)
    const row = new Float64Array(clamp(taps.at(-1)!.voxel + radius) - start + 1)
    for (const { voxel, share } of taps) {
      for (const [tap, value] of kernel.entries()) row[clamp(voxel + tap - radius) - start]! += share * value
    }
    first[n] = start
    weights.push(row)
  }
  return { first, weights }
}

/**
 * sums[n] = sum over t of weights[t] * from[start + t * rowStep + n * step]: whole rows at a time, so that memory is
 * read in order, and four rows per pass, which halves the time that single ones take.
 */
function sumRows(
  from: VoxelArray,
  start: number,
  rowStep: number,
  step: number,
  weights: Float64Array,
  sums: Float64Array,
): void {
  sums.fill(0)
  let t = 0
  for (; t + 3 < weights.length; t += 4) {
    const [w0, w1, w2, w3] = [weights[t]!, weights[t + 1]!, weights[t + 2]!, weights[t + 3]!]
    let f0 = start + t * rowStep
    for (let n = 0; n < sums.length; n++) {
      const f2 = f0 + 2 * rowStep
      sums[n]! += w0 * from[f0]! + w1 * from[f0 + rowStep]! + w2 * from[f2]! + w3 * from[f2 + rowStep]!
      f0 += step
    }
  }
  for (; t < weights.length; t++) {
    const weight = weights[t]!
    let f = start + t * rowStep
    for (let n = 0; n < sums.length; n++) {
      sums[n]! += weight * from[f]!
      f += step
    }
  }
}

/** Applies a banded matrix along one axis. The result is float32, in the memory order of the source. */
function applyAlongAxis(source: View, axis: number, matrix: BandedMatrix): View {
  const [outer, middle, inner] = axesByStride(source.strides)
  const shape = [...source.shape] as Triple
  shape[axis] = matrix.weights.length
  const strides: Triple = [0, 0, 0]
  strides[inner] = 1
  strides[middle] = shape[inner]!
  strides[outer] = shape[inner]! * shape[middle]!
  const from = source.data
  const to = allocateVoxels('float32', countVoxels(shape))
  const fromStep = source.strides[axis]!
  const fromInner = source.strides[inner]!
  const sums = new Float64Array(shape[inner]!)

  for (let o = 0; o < shape[outer]!; o++) {
    for (let m = 0; m < shape[middle]!; m++) {
      // The axis under treatment contributes through its matrix, not through its own sample number.
      let base = source.offset
      if (axis !== outer) base += o * source.strides[outer]!
      if (axis !== middle) base += m * source.strides[middle]!
      if (axis === inner) {
        for (let n = 0; n < sums.length; n++) {
          const weights = matrix.weights[n]!
          let f = base + matrix.first[n]! * fromStep
          let sum = 0
          for (let t = 0; t < weights.length; t++) {
            sum += weights[t]! * from[f]!
            f += fromStep
          }
          sums[n] = sum
        }
      } else {
        const sample = axis === outer ? o : m
        const rowStart = base + matrix.first[sample]! * fromStep
        sumRows(source.data, rowStart, fromStep, fromInner, matrix.weights[sample]!, sums)
      }
      to.set(sums, o * strides[outer]! + m * strides[middle]!)
    }
  }
  return { data: to, shape, strides, offset: 0 }
}

/**
 * Gaussian smoothing with `sigmas` (voxels per axis; 0 = none, edges repeated) followed by interpolation at the samples
 * of `axes`. Both are separable, so each axis is one banded matrix, and every axis treated makes the next one cheaper:
 * the smoothed full-size volume never exists. Sums are float64, intermediates float32.
 */
export function blurAndSample(
  volume: Volume,
  axes: readonly SampledAxis[],
  sigmas: readonly number[],
  interpolation: 'linear' | 'cubic' = 'linear',
): View {
  let view: View = volume
  for (const axis of axesByStride(volume.strides)) {
    const matrix = blurAndSampleMatrix(volume.shape[axis], axes[axis]!, sigmas[axis]!, interpolation)
    view = applyAlongAxis(view, axis, matrix)
  }
  return view
}

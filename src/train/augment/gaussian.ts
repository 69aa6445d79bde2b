/** Gaussian smoothing as a banded matrix. */
import type { Band } from '../../kernels/index.js'

/** The sampled Gaussian ends at this many standard deviations. */
const truncateAtSigmas = 4

/**
 * Smoothing along an axis of `extent` voxels: a Gaussian sampled to 4 standard deviations, of sum 1. Taps beyond an end
 * count for the outermost voxel, which repeats the edge. `sigma` is in voxels; 0 changes nothing.
 */
export function gaussianBands(extent: number, sigma: number): Band[] {
  const radius = sigma > 0 ? Math.max(1, Math.floor(truncateAtSigmas * sigma + 0.5)) : 0
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, n) =>
    radius === 0 ? 1 : Math.exp(-0.5 * ((n - radius) / sigma) ** 2),
  )
  const total = kernel.reduce((sum, value) => sum + value, 0)
  const clampTo = (index: number) => Math.min(Math.max(index, 0), extent - 1)
  return Array.from({ length: extent }, (_, output) => {
    const first = clampTo(output - radius)
    const weights = new Float64Array(clampTo(output + radius) - first + 1)
    for (const [tap, value] of kernel.entries()) weights[clampTo(output + tap - radius) - first]! += value / total
    return { first, weights }
  })
}

/** Encoding a volume that is larger than the network's input, window by window. */
import { ShapeError, scope, type Tensor, tensor } from '../../engine/index.js'
import { indexSelect } from '../../kernels/gather/index.js'
import { concat } from '../../kernels/join/index.js'
import { slice } from '../../kernels/layout/index.js'
import type { Triple } from '../layers/basic.js'
import type { TokenGrid } from './image-encoder.js'

/** First voxels of the windows along each axis. */
export type WindowStarts = readonly [readonly number[], readonly number[], readonly number[]]

export interface WindowPlan {
  readonly windowSize: Triple
  readonly starts: WindowStarts
  readonly patch: Triple
}

/** Starts of windows side by side; the last one moves back so that it ends with the axis. */
export function windowStarts(extent: number, windowSize: number): number[] {
  if (windowSize > extent) throw new ShapeError(`windows of ${windowSize} voxels do not fit in ${extent}`)
  const count = Math.ceil(extent / windowSize)
  return Array.from({ length: count }, (_, i) => Math.min(i * windowSize, extent - windowSize))
}

/** Encodes every window of `[N, D, H, W, 1]` and gathers the tokens of the whole grid; later windows win. */
export function stitchWindows(volume: Tensor, plan: WindowPlan, encode: (window: Tensor) => TokenGrid): TokenGrid {
  const [n, ...extents] = volume.shape as [number, number, number, number, number]
  const { windowSize, starts, patch } = plan
  return scope(() => {
    const origins = starts[0].flatMap((i) => starts[1].flatMap((j) => starts[2].map((k) => [i, j, k] as const)))
    const windows = origins.map((origin) =>
      scope(() => {
        const box = origin.map((start, axis) => [start, start + windowSize[axis]!, 1] as const)
        return encode(slice(volume, [[0, n, 1], ...box, [0, 1, 1]])).tokens
      }),
    )
    const grid = extents.slice(0, 3).map((extent, axis) => extent / patch[axis]!) as unknown as Triple
    const source = tokenSources(origins, grid, plan)
    const tokens = indexSelect(concat(windows, 1), tensor(volume.device, source), { axis: 1 })
    return { tokens, grid }
  })
}

/** For each token of the grid, its index among the concatenated tokens of the windows. */
function tokenSources(origins: readonly Triple[], grid: Triple, { windowSize, patch }: WindowPlan): Int32Array {
  const size = windowSize.map((extent, axis) => extent / patch[axis]!) as unknown as Triple
  const source = new Int32Array(grid[0] * grid[1] * grid[2]).fill(-1)
  let next = 0
  for (const origin of origins) {
    const first = origin.map((start, axis) => start / patch[axis]!) as unknown as Triple
    if (!first.every(Number.isInteger)) {
      throw new ShapeError(
        `windows must start at multiples of the patch ${patch.join(' x ')}, got ${origin.join(', ')}`,
      )
    }
    for (let i = first[0]; i < first[0] + size[0]; i++) {
      for (let j = first[1]; j < first[1] + size[1]; j++) {
        for (let k = first[2]; k < first[2] + size[2]; k++) source[(i * grid[1] + j) * grid[2] + k] = next++
      }
    }
  }
  if (source.includes(-1)) throw new ShapeError('the windows do not cover the whole volume')
  return source
}

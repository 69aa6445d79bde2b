import { affineColumn, affineFromColumns, affineSpacingMm, applyAffine, type Triple } from './geometry.js'
import type { Grid } from './history.js'
import { resampledAffine, type SampledAxis, sampleAxis } from './sampling-grid.js'

/**
 * Whose arithmetic decides the size and the place of a resampled grid:
 *
 * - `torchio`: floor(size x spacing / target) voxels, centred on the old grid (TorchIO since 0.20.11).
 * - `monai`: round((size - 1) x spacing / target + 1) voxels, half to even, from the centre of the first old voxel
 *   (MONAI's `Spacing`).
 * - `fvlm`: trunc(size x spacing / target) voxels that together cover the old ones exactly, so that the spacing is only
 *   near the target. The spacing is the affine's diagonal in float32 and those of the first two axes are exchanged, as
 *   in fVLM's published code.
 */
export type SamplingRule = 'torchio' | 'monai' | 'fvlm'

/** The grid that a rule chooses, and its samples in voxels of the old axes. */
export interface SampledGrid extends Grid {
  axes: [SampledAxis, SampledAxis, SampledAxis]
}

/** Rounds half to the even neighbour, as Python's and NumPy's `round`. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value)
  const part = value - below
  if (part !== 0.5) return part < 0.5 ? below : below + 1
  return below % 2 === 0 ? below : below + 1
}

/** Applies a rule. An axis that gets shorter than one voxel has size 0. */
export function sampledGrid(rule: SamplingRule, grid: Grid, targetMm: Readonly<Triple>): SampledGrid {
  const spacing = affineSpacingMm(grid.affine)
  if (rule === 'torchio') {
    const axes = grid.shape.map((size, axis) =>
      sampleAxis(size, spacing[axis]!, targetMm[axis]!),
    ) as SampledGrid['axes']
    const shape = axes.map(({ size }) => size) as Triple
    return { shape, axes, affine: resampledAffine(grid.affine, grid.shape, shape, targetMm) }
  }
  const axes =
    rule === 'monai'
      ? grid.shape.map((size, axis) => {
          const step = targetMm[axis]! / spacing[axis]!
          return { size: roundHalfEven(((size - 1) * spacing[axis]!) / targetMm[axis]! + 1), firstIndex: 0, step }
        })
      : fvlmAxes(grid, targetMm)
  return onArrayAxes(grid, axes as SampledGrid['axes'])
}

function fvlmAxes({ shape, affine }: Grid, targetMm: Readonly<Triple>): SampledAxis[] {
  const diagonal = [0, 1, 2].map((axis) => Math.abs(Math.fround(affine[axis * 5]!)))
  const exchanged = [diagonal[1]!, diagonal[0]!, diagonal[2]!]
  return shape.map((size, axis) => {
    const newSize = Math.trunc((size * exchanged[axis]!) / targetMm[axis]!)
    const step = size / newSize
    return { size: newSize, firstIndex: 0.5 * step - 0.5, step }
  })
}

/** The grid of samples along the array axes of another grid. */
function onArrayAxes(grid: Grid, axes: SampledGrid['axes']): SampledGrid {
  const step = (axis: 0 | 1 | 2) => affineColumn(grid.affine, axis).map((mm) => mm * axes[axis].step) as Triple
  const origin = applyAffine(grid.affine, axes.map(({ firstIndex }) => firstIndex) as Triple)
  return {
    axes,
    shape: axes.map(({ size }) => size) as Triple,
    affine: affineFromColumns([step(0), step(1), step(2)], origin),
  }
}

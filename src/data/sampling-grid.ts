import { type Affine, affineColumn, affineFromColumns, affineSpacingMm, applyAffine, type Triple } from './geometry.js'

/** The new samples of one axis: `firstIndex + n * step` for n below `size`, in voxels of the old axis. */
export interface SampledAxis {
  size: number
  firstIndex: number
  step: number
}

/**
 * The samples of one resampled axis by TorchIO's rule since 0.20.11 (reference/colipri.md section 3): floor(size *
 * spacing / target) voxels, centred on the middle of the old axis; an axis of one voxel keeps one.
 *
 * The floor is taken in float64 as written, so 20 voxels of 0.7 mm give 7 of 2 mm, but 6 when the spacing has been
 * through float32 (0.699999988): reproducing the reference means reproducing this.
 */
export function sampleAxis(size: number, oldSpacingMm: number, newSpacingMm: number): SampledAxis {
  const newSize = size === 1 ? 1 : Math.floor((size * oldSpacingMm) / newSpacingMm)
  const step = newSpacingMm / oldSpacingMm
  return { size: newSize, firstIndex: (size - 1) / 2 - ((newSize - 1) / 2) * step, step }
}

/**
 * Standard deviation, in old voxels, of the Gaussian that TorchIO applies before thinning an axis: it gives the
 * smoothed axis the full width at half maximum of a voxel of the new size. 0 where the axis does not get coarser.
 */
export function antialiasSigma(oldSpacingMm: number, newSpacingMm: number): number {
  const factor = newSpacingMm / oldSpacingMm
  return factor > 1 ? Math.sqrt(factor ** 2 - 1) / (2 * Math.sqrt(2 * Math.LN2)) : 0
}

/**
 * The affine of the grid that `sampleAxis` gives on all three axes: the old directions, the new spacing, and the old
 * centre. (Computed from the centre, in float64, exactly as the golden data are; positions inherit the last bit.)
 */
export function resampledAffine(
  oldAffine: Affine,
  oldShape: Readonly<Triple>,
  newShape: Readonly<Triple>,
  newSpacingMm: Readonly<Triple>,
): number[] {
  const oldSpacing = affineSpacingMm(oldAffine)
  const step = (axis: 0 | 1 | 2) =>
    affineColumn(oldAffine, axis).map((mm) => (mm / oldSpacing[axis]) * newSpacingMm[axis]) as Triple
  const steps = [step(0), step(1), step(2)] as const
  const centre = applyAffine(oldAffine, oldShape.map((size) => (size - 1) / 2) as Triple)
  const toCentre = applyAffine(affineFromColumns(steps, [0, 0, 0]), newShape.map((size) => (size - 1) / 2) as Triple)
  return affineFromColumns(steps, centre.map((mm, row) => mm - toCentre[row]!) as Triple)
}

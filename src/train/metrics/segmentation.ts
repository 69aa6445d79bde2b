import type { Triple } from '../../data/geometry.js'
import { ValueError } from '../../engine/errors.js'
import { quantile } from './bootstrap.js'
import { squaredDistances } from './distance-transform.js'

export interface SegmentationOptions {
  /** Voxels along the three axes of both label maps, which are C-ordered. */
  readonly shape: Readonly<Triple>
  /** Which labels to judge; leave out the background. */
  readonly labels: readonly number[]
  /** Default (1, 1, 1), which gives distances in voxels. */
  readonly spacingMm?: Readonly<Triple>
  /** Surfaces this close count as the same in `surfaceDice`. Default 1. */
  readonly toleranceMm?: number
}

/** How well one label is found. */
export interface LabelScores {
  readonly label: number
  readonly predictedVoxels: number
  readonly truthVoxels: number
  readonly sharedVoxels: number
  /** 2 |P and T| / (|P| + |T|): 0 where one side lacks the label, NaN where both do. */
  readonly dice: number
  /** |P and T| / |P or T|, likewise. */
  readonly iou: number
  /** The part of both surfaces that lies within the tolerance of the other, likewise. */
  readonly surfaceDice: number
  /** 95th percentile of the distances between the surfaces, the larger of both directions; NaN unless both have it. */
  readonly hd95Mm: number
  /** Mean of the distances from each surface voxel to the other surface, both directions pooled; NaN as above. */
  readonly meanSurfaceDistanceMm: number
}

/**
 * Overlap and surface measures of a predicted label map. A surface voxel is one that a 6-neighbour erosion removes;
 * outside the image is background. Distances run between the centres of surface voxels (as MONAI's metrics).
 *
 * MONAI leaves a label out of its mean Dice (NaN) where the truth lacks it, predicted or not: for that, look at
 * `truthVoxels`. Throws a ValueError when the shapes do not fit.
 */
export function segmentationScores(
  prediction: ArrayLike<number>,
  truth: ArrayLike<number>,
  options: SegmentationOptions,
): LabelScores[] {
  const { shape, labels, spacingMm = [1, 1, 1], toleranceMm = 1 } = options
  const voxels = shape[0] * shape[1] * shape[2]
  if (prediction.length !== voxels || truth.length !== voxels) {
    throw new ValueError(
      `segmentationScores: ${shape.join(' x ')} voxels do not fit ${prediction.length} predicted and ${truth.length} true ones`,
    )
  }
  if (!spacingMm.every((mm) => mm > 0 && Number.isFinite(mm)) || !(toleranceMm >= 0)) {
    throw new ValueError(
      `segmentationScores: spacing ${spacingMm.join(', ')} or tolerance ${toleranceMm} is not possible`,
    )
  }
  return labels.map((label) => {
    const counts = countOverlap(prediction, truth, label)
    const surfaces = counts.predictedVoxels > 0 && counts.truthVoxels > 0
    const distances = surfaces ? surfaceDistances(prediction, truth, label, shape, spacingMm) : undefined
    return { label, ...counts, ...overlapScores(counts), ...surfaceScores(distances, counts, toleranceMm) }
  })
}

interface OverlapCounts {
  readonly predictedVoxels: number
  readonly truthVoxels: number
  readonly sharedVoxels: number
}

function countOverlap(prediction: ArrayLike<number>, truth: ArrayLike<number>, label: number): OverlapCounts {
  let [predictedVoxels, truthVoxels, sharedVoxels] = [0, 0, 0]
  for (let n = 0; n < truth.length; n++) {
    const [predicted, real] = [prediction[n] === label, truth[n] === label]
    if (predicted) predictedVoxels++
    if (real) truthVoxels++
    if (predicted && real) sharedVoxels++
  }
  return { predictedVoxels, truthVoxels, sharedVoxels }
}

function overlapScores({
  predictedVoxels,
  truthVoxels,
  sharedVoxels,
}: OverlapCounts): Pick<LabelScores, 'dice' | 'iou'> {
  const both = predictedVoxels + truthVoxels
  return { dice: (2 * sharedVoxels) / both, iou: sharedVoxels / (both - sharedVoxels) }
}

/** The Dice coefficient of one label: 0 where one side lacks it, NaN where both do. */
export function dice(prediction: ArrayLike<number>, truth: ArrayLike<number>, label = 1): number {
  if (prediction.length !== truth.length) {
    throw new ValueError(`dice: there are ${prediction.length} predicted and ${truth.length} true voxels`)
  }
  return overlapScores(countOverlap(prediction, truth, label)).dice
}

/** Distances from each surface voxel of one side to the surface of the other, sorted. */
interface SurfaceDistances {
  readonly toTruth: Float64Array
  readonly toPrediction: Float64Array
}

function surfaceScores(
  distances: SurfaceDistances | undefined,
  { predictedVoxels, truthVoxels }: OverlapCounts,
  toleranceMm: number,
): Pick<LabelScores, 'surfaceDice' | 'hd95Mm' | 'meanSurfaceDistanceMm'> {
  if (distances === undefined) {
    const surfaceDice = predictedVoxels + truthVoxels === 0 ? Number.NaN : 0
    return { surfaceDice, hd95Mm: Number.NaN, meanSurfaceDistanceMm: Number.NaN }
  }
  const sides = [distances.toTruth, distances.toPrediction]
  const voxels = sides.reduce((sum, side) => sum + side.length, 0)
  const near = sides.reduce((sum, side) => sum + side.filter((mm) => mm <= toleranceMm).length, 0)
  const total = sides.reduce((sum, side) => side.reduce((part, mm) => part + mm, sum), 0)
  return {
    surfaceDice: near / voxels,
    hd95Mm: Math.max(...sides.map((side) => quantile(side, 0.95))),
    meanSurfaceDistanceMm: total / voxels,
  }
}

function surfaceDistances(
  prediction: ArrayLike<number>,
  truth: ArrayLike<number>,
  label: number,
  shape: Readonly<Triple>,
  spacingMm: Readonly<Triple>,
): SurfaceDistances {
  // Both surfaces lie in the box around both masks, so nothing outside it is needed.
  const box = boundingBox((n) => prediction[n] === label || truth[n] === label, shape)
  const predicted = surface(prediction, label, shape, box)
  const real = surface(truth, label, shape, box)
  return {
    toTruth: distancesAt(predicted, squaredDistances(real, box.size, spacingMm)),
    toPrediction: distancesAt(real, squaredDistances(predicted, box.size, spacingMm)),
  }
}

interface Box {
  readonly start: Triple
  readonly size: Triple
}

function boundingBox(inside: (n: number) => boolean, [depth, height, width]: Readonly<Triple>): Box {
  const low: Triple = [depth, height, width]
  const high: Triple = [-1, -1, -1]
  for (let i = 0, n = 0; i < depth; i++) {
    for (let j = 0; j < height; j++) {
      for (let k = 0; k < width; k++, n++) {
        if (!inside(n)) continue
        const place = [i, j, k] as const
        for (const axis of [0, 1, 2] as const) {
          if (place[axis] < low[axis]) low[axis] = place[axis]
          if (place[axis] > high[axis]) high[axis] = place[axis]
        }
      }
    }
  }
  return { start: low, size: [high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1] }
}

/** 1 for the surface voxels of a label, in the box, which holds the whole label. */
function surface(labels: ArrayLike<number>, label: number, shape: Readonly<Triple>, { start, size }: Box): Uint8Array {
  const [height, width] = [shape[1], shape[2]]
  // One voxel of background around it stands for what is outside.
  const [rows, columns] = [size[1] + 2, size[2] + 2]
  const framed = new Uint8Array((size[0] + 2) * rows * columns)
  const at = (i: number, j: number, k: number): number => ((i + 1) * rows + j + 1) * columns + k + 1
  for (let i = 0; i < size[0]; i++) {
    for (let j = 0; j < size[1]; j++) {
      const line = ((start[0] + i) * height + start[1] + j) * width + start[2]
      for (let k = 0; k < size[2]; k++) framed[at(i, j, k)] = labels[line + k] === label ? 1 : 0
    }
  }
  const neighbours = [1, -1, columns, -columns, rows * columns, -rows * columns]
  const edges = new Uint8Array(size[0] * size[1] * size[2])
  for (let i = 0, n = 0; i < size[0]; i++) {
    for (let j = 0; j < size[1]; j++) {
      for (let k = 0; k < size[2]; k++, n++) {
        const place = at(i, j, k)
        if (framed[place] === 1 && neighbours.some((step) => framed[place + step] === 0)) edges[n] = 1
      }
    }
  }
  return edges
}

/** Distances at the set voxels, sorted. */
function distancesAt(mask: Uint8Array, squared: Float64Array): Float64Array {
  const distances = squared.filter((_, n) => mask[n] === 1)
  return distances.map(Math.sqrt).sort()
}

/** Pictures of a scan with its organs outlined, three planes through the middle of each. */
import {
  applyAffine,
  encodePng,
  type LabelMapping,
  mergeLabels,
  renderOrthogonalSlices,
  resampleToSpacing,
  type Triple,
  type Volume,
  voxelAt,
} from '../data/index.js'

export interface OrganPicture {
  readonly anatomy: string
  readonly width: number
  readonly height: number
  readonly png: Uint8Array
}

/** A pixel is a voxel; finer than this nothing more is seen, and pages grow. */
const FINEST_MM = 1.5

/** A picture for each anatomy that the mask shows, in their order. All organs are outlined in each. */
export function drawOrgans(
  raw: Volume,
  mask: Volume,
  anatomies: readonly string[],
  mapping: LabelMapping,
): OrganPicture[] {
  const spacing: Triple = [FINEST_MM, FINEST_MM, FINEST_MM]
  const scan = resampleToSpacing(raw, spacing)
  const overlay = resampleToSpacing(mergeLabels(mask, anatomies, mapping), spacing, { interpolation: 'nearest' })
  const middles = organMiddles(overlay, anatomies.length)
  return anatomies.flatMap((anatomy, n) => {
    const middle = middles[n]
    if (!middle) return []
    const image = renderOrthogonalSlices(scan, {
      ...{ pointMm: applyAffine(scan.affine, middle), pixelMm: FINEST_MM, window: 'wide' },
      ...{ overlay, overlayOpacity: 0, overlayOutline: true },
    })
    return { anatomy, width: image.width, height: image.height, png: encodePng(image) }
  })
}

/**
 * For every number 1 ... count the voxel of it that is nearest to its centre of mass, which itself may lie outside: between
 * the lungs, in an arch.
 */
function organMiddles(labels: Volume, count: number): (Triple | undefined)[] {
  const sums = Array.from({ length: count }, () => [0, 0, 0, 0])
  eachLabel(labels, (label, index) => {
    const sum = sums[label - 1]!
    for (const axis of [0, 1, 2] as const) sum[axis]! += index[axis]
    sum[3]!++
  })
  const best = sums.map((): { distance: number; index?: Triple } => ({ distance: Number.POSITIVE_INFINITY }))
  eachLabel(labels, (label, index) => {
    const [sum, known] = [sums[label - 1]!, best[label - 1]!]
    const distance = Math.hypot(...index.map((value, axis) => value - sum[axis]! / sum[3]!))
    if (distance < known.distance) best[label - 1] = { distance, index: [...index] }
  })
  return best.map(({ index }) => index)
}

/** @param visit gets an index that the next call changes. */
function eachLabel(labels: Volume, visit: (label: number, index: Readonly<Triple>) => void): void {
  const index: Triple = [0, 0, 0]
  for (index[0] = 0; index[0] < labels.shape[0]; index[0]++) {
    for (index[1] = 0; index[1] < labels.shape[1]; index[1]++) {
      for (index[2] = 0; index[2] < labels.shape[2]; index[2]++) {
        const label = voxelAt(labels, ...index)
        if (label !== 0) visit(label, index)
      }
    }
  }
}

/** Which anatomies a training crop shows whole, and which patches belong to an anatomy. Plain CPU code. */
import { ShapeError } from '../../engine/index.js'
import type { Triple } from '../layers/basic.js'

/** Label maps of a batch: 0 for none, i + 1 for the i-th anatomy. */
export interface MaskBatch {
  /** `[N, D, H, W]`, row-major. */
  readonly labels: ArrayLike<number>
  readonly samples: number
  readonly extents: Triple
}

/**
 * Flags `[N, anatomies, T]`: 1 where any voxel of a patch has the anatomy's number. Patches are in row-major order; voxels
 * must fill whole patches.
 */
export function organTokens({ labels, samples, extents }: MaskBatch, anatomies: number, patch: Triple): Uint8Array {
  const grid = extents.map((extent, axis) => extent / patch[axis]!)
  if (!grid.every(Number.isInteger) || labels.length !== samples * extents[0] * extents[1] * extents[2]) {
    throw new ShapeError(
      `fvlm: ${labels.length} labels are not ${samples} masks of ${extents.join(' x ')} voxels in patches of ${patch.join(' x ')}`,
    )
  }
  const [gridDepth, gridHeight, gridWidth] = grid as [number, number, number]
  const tokens = gridDepth * gridHeight * gridWidth
  const flags = new Uint8Array(samples * anatomies * tokens)
  eachLabel({ labels, samples, extents }, (label, n, d, h, w) => {
    if (label > anatomies) return
    const row = Math.floor(d / patch[0]) * gridHeight + Math.floor(h / patch[1])
    flags[(n * anatomies + label - 1) * tokens + row * gridWidth + Math.floor(w / patch[2])] = 1
  })
  return flags
}

/** Flags `[N, anatomies]`: 1 for anatomies that are present and touch none of the six faces of the crop. */
export function intactOrgans(mask: MaskBatch, anatomies: number): Uint8Array {
  const { samples, extents } = mask
  const present = new Uint8Array(samples * anatomies)
  const cut = new Uint8Array(samples * anatomies)
  const [lastD, lastH, lastW] = extents.map((extent) => extent - 1) as [number, number, number]
  eachLabel(mask, (label, n, d, h, w) => {
    if (label > anatomies) return
    const at = n * anatomies + label - 1
    present[at] = 1
    if (d === 0 || h === 0 || w === 0 || d === lastD || h === lastH || w === lastW) cut[at] = 1
  })
  return present.map((flag, i) => (cut[i] ? 0 : flag))
}

/** Visits every voxel with a label. */
function eachLabel(
  { labels, samples, extents: [depth, height, width] }: MaskBatch,
  visit: (label: number, n: number, d: number, h: number, w: number) => void,
): void {
  let i = 0
  for (let n = 0; n < samples; n++) {
    for (let d = 0; d < depth; d++) {
      for (let h = 0; h < height; h++) {
        for (let w = 0; w < width; w++) {
          const label = labels[i++]!
          if (label !== 0) visit(label, n, d, h, w)
        }
      }
    }
  }
}

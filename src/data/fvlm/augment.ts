/** The random crop and flips of fVLM's training, as published. */
import { DataError } from '../errors.js'
import type { Triple } from '../geometry.js'
import type { RandomStream } from '../random.js'
import type { PreparedFvlmScan } from './prepare.js'

export interface CropDraw {
  /** First voxel along D, H, W. */
  readonly start: Readonly<Triple>
  /** Axes that are reversed after the crop. */
  readonly flip: readonly [boolean, boolean, boolean]
}

export interface AugmentOptions {
  /** Voxels of the crop along D, H, W. */
  readonly extents: Readonly<Triple>
  /** For each axis by itself. Default 0.2. */
  readonly flipProbability?: number | undefined
}

/** Where a crop begins, uniformly over all places, and which axes it flips. */
export function drawCrop(scan: PreparedFvlmScan, random: RandomStream, options: AugmentOptions): CropDraw {
  const { extents, flipProbability = 0.2 } = options
  checkFits(scan, [0, 0, 0], extents)
  const start = extents.map((size, axis) => Math.floor(random.uniform(0, scan.extents[axis]! - size + 1))) as Triple
  const flip = extents.map(() => random.uniform() < flipProbability) as [boolean, boolean, boolean]
  return { start, flip }
}

/** The crop of image and labels, then reversed along the chosen axes. Throws a DataError when it does not fit. */
export function cropAndFlip(
  scan: PreparedFvlmScan,
  { start, flip }: CropDraw,
  extents: Readonly<Triple>,
): PreparedFvlmScan {
  checkFits(scan, start, extents)
  const [depth, height, width] = extents
  const image = new Float32Array(depth * height * width)
  const labels = new Uint8Array(image.length)
  const from = (axis: 0 | 1 | 2, index: number) => start[axis] + (flip[axis] ? extents[axis] - 1 - index : index)
  let target = 0
  for (let d = 0; d < depth; d++) {
    for (let h = 0; h < height; h++) {
      const row = (from(0, d) * scan.extents[1] + from(1, h)) * scan.extents[2]
      for (let w = 0; w < width; w++) {
        const source = row + from(2, w)
        image[target] = scan.image[source]!
        labels[target++] = scan.labels[source]!
      }
    }
  }
  return { image, labels, extents: [...extents] }
}

function checkFits(scan: PreparedFvlmScan, start: Readonly<Triple>, extents: Readonly<Triple>): void {
  const fits = extents.every((size, axis) => {
    const first = start[axis]!
    return Number.isSafeInteger(first) && first >= 0 && size >= 1 && first + size <= scan.extents[axis]!
  })
  if (fits) return
  throw new DataError(
    `a crop of ${extents.join(' x ')} voxels at (${start.join(', ')}) does not fit a scan of ${scan.extents.join(' x ')}`,
  )
}

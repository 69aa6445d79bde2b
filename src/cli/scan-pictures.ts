/** Pictures of a scan and of maps over it, of the same size, to lie on each other. */
import {
  applyAffine,
  encodePng,
  invertAffine,
  multiplyAffines,
  type RgbImage,
  renderOrthogonalSlices,
  resampleToGrid,
  resampleToSpacing,
  type Triple,
  type Volume,
  volumeFromArray,
  voxelAt,
} from '../data/index.js'
import { type DenseImage, patchSimilarities, valueRange } from '../inference/index.js'

export interface ScanPictures {
  readonly width: number
  readonly height: number
  /** PNG of an axial, a coronal and a sagittal plane. */
  readonly scan: Uint8Array
  /** PNG per text, transparent where the scan looks least like it. */
  readonly maps: readonly MapPicture[]
}

export interface MapPicture {
  readonly png: Uint8Array
  /** Cosines that are transparent, and the strongest colour. */
  readonly lowest: number
  readonly highest: number
}

/** A pixel is a voxel; finer than this nothing more is seen, and pages grow. */
const FINEST_MM = 1.5

/** The planes go through the place that looks most like the first of the vectors. */
export function drawScan(raw: Volume, dense: DenseImage, vectors: readonly Float32Array[]): ScanPictures {
  const scan = resampleToSpacing(raw, [FINEST_MM, FINEST_MM, FINEST_MM])
  const patches = vectors.map((vector) => patchSimilarities(dense, vector))
  const cut = patches[0] ? nearestVoxel(scan, peak(patches[0])) : (scan.shape.map((size) => size >> 1) as Triple)
  const settings = { pixelMm: FINEST_MM, pointMm: applyAffine(scan.affine, cut) }
  const image = renderOrthogonalSlices(scan, { ...settings, window: 'wide' })
  const maps = patches.map((volume): MapPicture => {
    const [lowest, highest] = valueRange(volume)
    // What the network did not see has no colour.
    const over = onPlanes(volume, scan, cut, lowest)
    const width = Math.max(highest - lowest, 1e-6)
    const window = { center: lowest + width / 2, width }
    const grey = renderOrthogonalSlices(over, { ...settings, window, annotations: false })
    return { png: colouredPng(grey), lowest, highest }
  })
  return { width: image.width, height: image.height, scan: encodePng(image), maps }
}

/**
 * A volume on a grid, linearly interpolated where the three planes of a voxel are and 0 elsewhere: a page has many maps,
 * and the rest of them nobody sees.
 */
function onPlanes(volume: Volume, { shape, affine }: Volume, cut: Triple, outside: number): Volume {
  const data = new Float32Array(shape[0] * shape[1] * shape[2])
  const whole = volumeFromArray(data, shape, affine)
  for (const axis of [0, 1, 2] as const) {
    const first: Triple = [0, 0, 0]
    first[axis] = cut[axis]
    const size = shape.with(axis, 1) as Triple
    const moved = multiplyAffines(affine, [1, 0, 0, first[0], 0, 1, 0, first[1], 0, 0, 1, first[2], 0, 0, 0, 1])
    const plane = resampleToGrid(volume, { shape: size, affine: moved }, { outside })
    const start = cut[axis] * whole.strides[axis]
    for (let i = 0; i < size[0]; i++) {
      for (let j = 0; j < size[1]; j++) {
        const line = (i * size[1] + j) * size[2]
        const to = start + i * whole.strides[0] + j * whole.strides[1]
        data.set((plane.data as Float32Array).subarray(line, line + size[2]), to)
      }
    }
  }
  return whole
}

/** The middle of the patch with the highest value, in RAS+ mm. */
function peak(patches: Volume): Triple {
  let best: Triple = [0, 0, 0]
  for (let i = 0; i < patches.shape[0]; i++) {
    for (let j = 0; j < patches.shape[1]; j++) {
      for (let k = 0; k < patches.shape[2]; k++) {
        if (voxelAt(patches, i, j, k) > voxelAt(patches, ...best)) best = [i, j, k]
      }
    }
  }
  return applyAffine(patches.affine, best)
}

/** The voxel of a place, or where the scan ends when it lies in the padding around it. */
function nearestVoxel({ affine, shape }: Volume, pointMm: Triple): Triple {
  const index = applyAffine(invertAffine(affine), pointMm)
  return index.map((value, axis) => Math.min(Math.max(Math.round(value), 0), shape[axis]! - 1)) as Triple
}

/** Dark red over orange to yellow, ever more opaque. */
function colouredPng({ width, height, data }: RgbImage): Uint8Array {
  const colours = new Uint8Array(data.length)
  const alpha = new Uint8Array(width * height)
  for (let n = 0; n < alpha.length; n++) {
    const part = data[n * 3]! / 255
    colours.set([255 * Math.min(1, 0.4 + 1.2 * part), 255 * Math.max(0, 1.4 * part - 0.4), 60 * part * part], n * 3)
    alpha[n] = 255 * part ** 2
  }
  return encodePng({ width, height, data: colours }, alpha)
}

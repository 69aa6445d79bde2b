/** From scans to VELVET-Med's inputs (reference §3). Lists of steps run with `preprocess` of the data layer. */
import type { PreprocessStep } from '../../data/index.js'
import { scope, type Tensor, tensor } from '../../engine/index.js'
import { indexSelect } from '../../kernels/gather/index.js'
import { adaptiveAvgPool3d } from '../../kernels/pool3d/index.js'
import type { Triple } from '../layers/basic.js'

/** Side of the network's input in voxels. */
export const velvetSide = 96

const spacedAndCropped = (side: number): PreprocessStep[] => [
  { kind: 'scale', from: [0, 255], to: [0, 1] },
  { kind: 'clamp', min: 0, max: 1 },
  { kind: 'cropForeground' },
  { kind: 'padToAtLeast', size: [side, side, side], value: 0, surplus: 'end' },
]

/**
 * Spacing that the pre-training's volumes are brought to: their spacings are fictional, 0.5 or 1 along the third axis, and
 * those of 1 (fewer than 96 slices) get 2 D - 1 slices.
 */
const thirdAxisMm = 0.5

/** For an 8-bit M3D-Cap volume: scale, spacing, crop to what is not black, fill up to 96 voxels a side (§3.2). */
export function m3dPreprocessing(spacingMm: Triple, { side = velvetSide, pad = true } = {}): PreprocessStep[] {
  const steps = spacedAndCropped(side)
  const spacing: PreprocessStep = {
    kind: 'resample',
    spacingMm: [spacingMm[0], spacingMm[1], Math.min(spacingMm[2], thirdAxisMm)],
    interpolation: 'linear',
    rule: 'monai',
  }
  const wanted = pad ? steps : steps.slice(0, 3)
  return spacingMm[2] > thirdAxisMm ? [...wanted.slice(0, 2), spacing, ...wanted.slice(2)] : wanted
}

/** Soft-tissue window and voxels of the segmentation data sets (§3.4), for scans in HU. */
export const velvetSegmentationPreprocessing: PreprocessStep[] = [
  { kind: 'clamp', min: -175, max: 250 },
  { kind: 'scale', from: [-175, 250], to: [0, 1] },
  { kind: 'cropForeground' },
  { kind: 'orient', codes: 'RAS' },
  { kind: 'resample', spacingMm: [1.5, 1.5, 2], interpolation: 'linear', rule: 'monai' },
]

/**
 * For embedding a CT scan in HU. The pre-training saw windowed 8-bit pictures and no HU, so there is no official rule:
 * this takes the segmentation's soft-tissue window for their 0 to 255.
 */
export const velvetScanPreprocessing: PreprocessStep[] = [
  { kind: 'orient', codes: 'RAS' },
  { kind: 'clamp', min: -175, max: 250 },
  { kind: 'scale', from: [-175, 250], to: [0, 1] },
  { kind: 'cropForeground' },
  { kind: 'padToAtLeast', size: [velvetSide, velvetSide, velvetSide], value: 0, surplus: 'end' },
]

/** The slices of a stack of `depth` that stand for all of it: evenly spread, rounded half to even. */
export function pickedSlices(depth: number, count = velvetSide): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => {
    const at = (i * (depth - 1)) / (count - 1)
    const below = Math.floor(at)
    const tie = at - below === 0.5
    return tie ? below + (below % 2) : Math.round(at)
  })
}

/** Volume `[N, H, W, D, C]` seen as a whole: `side` slices of it, averaged to a cube (§3.2, 6a). */
export function globalView(volume: Tensor, side = velvetSide): Tensor {
  return scope(() => {
    const slices = tensor(volume.device, pickedSlices(volume.shape[3]!, side), [side], { dtype: 'i32' })
    return adaptiveAvgPool3d(indexSelect(volume, slices, { axis: 3 }), side)
  })
}

/** An 8-bit stack `[slices, height, width]`. */
export interface ByteStack {
  readonly shape: readonly [slices: number, height: number, width: number]
  readonly data: Uint8Array
}

/**
 * The stack at half height and width, as PyTorch's bilinear interpolation of bytes does it: means of pairs along the rows,
 * rounded half up, then along the columns. An odd last row or column is dropped.
 */
export function halveStack({ shape: [slices, height, width], data }: ByteStack): ByteStack {
  const [rows, columns] = [Math.floor(height / 2), Math.floor(width / 2)]
  const half = new Uint8Array(slices * rows * columns)
  const pair = (line: number, column: number): number =>
    (data[line * width + 2 * column]! + data[line * width + 2 * column + 1]! + 1) >> 1
  for (let place = 0; place < half.length; place++) {
    const column = place % columns
    const line = Math.floor(place / columns)
    const upper = Math.floor(line / rows) * height + 2 * (line % rows)
    half[place] = (pair(upper, column) + pair(upper + 1, column) + 1) >> 1
  }
  return { shape: [slices, rows, columns], data: half }
}

/** Augmentations of published methods. */
import { type Tensor, tensor } from '../../engine/index.js'
import { indexSelect, resize3d } from '../../kernels/index.js'
import type { AugmentStep } from './steps.js'

/**
 * VELVET-Med's and SwinUNETR's views for self-supervision (reference/velvet.md section 3.3), of volumes scaled to [0, 1]:
 * quarter turns in the plane of the last two axes, boxes of noise up to 30 % of the voxels, boxes of another sample up
 * to 30 %. The rotation task's labels are `turns` of the first pass; the clean target of the reconstruction is the plan
 * with its first pass alone. One departure: boxes are swapped between the samples as they all are before that step,
 * where the published code lets later samples take from ones that were swapped already.
 */
export const velvetViewSteps: readonly AugmentStep[] = [
  { kind: 'rotate90', axes: [1, 2] },
  { kind: 'dropBoxes', fraction: [0, 0.3], side: [4, 23] },
  { kind: 'swapBoxes', fraction: [0, 0.3], side: [4, 23] },
]

/** VELVET-Med's local view: a random cube. */
export const velvetLocalSteps = (edge = 96): AugmentStep[] => [{ kind: 'crop', size: [edge, edge, edge] }]

/**
 * VELVET-Med's global view (section 3.2) of volumes `[N, H, W, D, C]`: `edge` slices along the third axis, evenly from
 * first to last, then the averages of areas of the other two.
 */
export function velvetGlobalView(x: Tensor, edge = 96): Tensor {
  const depth = x.shape[3]!
  const slices = Int32Array.from({ length: edge }, (_, n) => roundHalfEven((n * (depth - 1)) / Math.max(1, edge - 1)))
  using index = tensor(x.device, slices)
  using picked = indexSelect(x, index, { axis: 3 })
  return resize3d(picked, edge, { mode: 'area' })
}

function roundHalfEven(value: number): number {
  const below = Math.floor(value)
  if (value - below !== 0.5) return Math.round(value)
  return below % 2 === 0 ? below : below + 1
}

/**
 * VELVET-Med's segmentation training (section 3.4), of crops scaled to [0, 1]: each axis flipped, a plane turned by one to
 * three quarters, each in a tenth of the cases (a flip happens in half of the cases that it may, a turn in three of four).
 */
export const velvetSegmentationSteps: readonly AugmentStep[] = [
  { kind: 'flip', axes: [0], probability: 0.2 },
  { kind: 'flip', axes: [1], probability: 0.2 },
  { kind: 'flip', axes: [2], probability: 0.2 },
  { kind: 'rotate90', axes: [0, 1], probability: 2 / 15 },
  { kind: 'intensity', shift: [-0.1, 0.1], probability: 0.5 },
]

/**
 * Masked image modelling of the library that COLIPRI's vision tower comes from (reference/colipri.md section 5.3): turns
 * of up to 30 degrees about each axis, one scale for all axes, mirror images, cubic resampling with a border of 0.
 */
export const colipriMaskedModellingSteps: readonly AugmentStep[] = [
  {
    kind: 'affine',
    rotation: { degrees: [30, 30, 30], probability: 0.2 },
    scale: { range: [0.7, 1.4], probability: 0.2 },
    interpolation: 'cubic',
    outside: 0,
  },
  { kind: 'flip', axes: [0, 1, 2] },
]

import { DataError } from './errors.js'
import { type Axis, affineColumn, affineFromColumns, applyAffine, type Triple } from './geometry.js'
import { type Grid, recorded } from './history.js'
import { copyStrided } from './strided-copy.js'
import { cOrderStrides, countVoxels, type Volume, validateVolume, volumeName } from './volume.js'
import { allocateVoxels, canHold, voxelType } from './voxels.js'

/** A box of voxels: its first one, and how many along each axis. It may reach beyond the volume. */
export interface VoxelBox {
  first: Triple
  size: Triple
}

/** Which end gets the voxel more of an odd number. TorchIO: 'beginning'; MONAI and fVLM: 'end'. */
export type Surplus = 'beginning' | 'end'

/**
 * Voxels to add (positive) or remove (negative) before and after an axis so that `size` becomes `target`, centred. Of
 * an odd difference the beginning gets the larger part, in both directions (TorchIO's CropOrPad; reference/colipri.md
 * section 3), unless `surplus` says otherwise.
 */
export function cropOrPadMargins(
  size: number,
  target: number,
  surplus: Surplus = 'beginning',
): { before: number; after: number } {
  const difference = target - size
  const half = Math.abs(difference) / 2
  const before = Math.sign(difference) * (surplus === 'beginning' ? Math.ceil(half) : Math.floor(half))
  return { before, after: difference - before }
}

/**
 * The volume cut or filled up with `padValue` to `size` voxels, centred, each axis for itself. Cropping alone is a view
 * of the same data; padding makes a C-ordered copy of the same type. The affine moves with the first voxel.
 * Throws a DataError for a size that is not positive, or a pad value that the voxel type cannot hold.
 */
export function cropOrPad(
  volume: Volume,
  size: Readonly<Triple>,
  padValue: number,
  surplus: Surplus = 'beginning',
): Volume {
  validateVolume(volume)
  checkSize(volume, size)
  return cutBox(volume, centredBox(volume.shape, size, surplus), padValue)
}

/** The box that `cropOrPad` takes. */
export function centredBox(shape: Readonly<Triple>, size: Readonly<Triple>, surplus?: Surplus): VoxelBox {
  const first = shape.map((count, axis) => 0 - cropOrPadMargins(count, size[axis]!, surplus).before) as Triple
  return { first, size: [...size] }
}

/**
 * The volume filled up with `padValue` where it has fewer than `size` voxels, centred; larger axes stay. Errors as of
 * `cropOrPad`.
 */
export function padToAtLeast(
  volume: Volume,
  size: Readonly<Triple>,
  padValue: number,
  surplus: Surplus = 'beginning',
): Volume {
  validateVolume(volume)
  checkSize(volume, size)
  const larger = volume.shape.map((count, axis) => Math.max(count, size[axis]!)) as Triple
  return cropOrPad(volume, larger, padValue, surplus)
}

/**
 * The voxels of a box, those beyond the volume filled with `padValue`. A box inside the volume is a view of the same
 * data, any other a C-ordered copy of the same type. The affine moves with the first voxel.
 * Throws a DataError for a box without voxels, or a pad value that the voxel type cannot hold.
 */
export function cutBox(volume: Volume, { first, size }: VoxelBox, padValue = 0): Volume {
  validateVolume(volume)
  checkSize(volume, size)
  if (first.length !== 3 || !first.every(Number.isSafeInteger)) {
    throw new DataError(`a box cannot begin at (${first.join(', ')})`, { path: volumeName(volume) })
  }
  const { affine } = boxGrid(volume, { first, size })
  // What the box and the volume share, in voxels of the volume.
  const from = first.map((index) => Math.max(0, index)) as Triple
  const shape = from.map((start, axis) => {
    const end = Math.min(volume.shape[axis]!, first[axis]! + size[axis]!)
    return Math.max(0, end - start)
  }) as Triple
  const offset = from.reduce((sum, start, axis) => sum + start * volume.strides[axis as Axis], volume.offset)
  const history = recorded(volume, { kind: 'box', first: [...first] }, { shape: size, affine })
  if (shape.every((count, axis) => count === size[axis])) return { ...volume, shape, offset, affine, history }

  const type = voxelType(volume.data)
  if (!canHold(type, padValue)) {
    throw new DataError(`the pad value ${padValue} does not fit voxels of type ${type}`, {
      path: volumeName(volume),
      remedy: 'Pad after conversion to float32, or choose another value',
    })
  }
  const data = allocateVoxels(type, countVoxels(size)).fill(padValue)
  const strides = cOrderStrides(size)
  if (countVoxels(shape) > 0) {
    const to = from.reduce((sum, start, axis) => sum + (start - first[axis]!) * strides[axis as Axis], 0)
    copyStrided({ ...volume, offset }, { data, strides, offset: to }, shape)
  }
  return { ...volume, data, shape: [...size], strides, offset: 0, affine, history }
}

/** The grid of a box of another grid. */
export function boxGrid({ affine }: Pick<Grid, 'affine'>, { first, size }: VoxelBox): Grid {
  const steps = [affineColumn(affine, 0), affineColumn(affine, 1), affineColumn(affine, 2)] as const
  return { shape: [...size], affine: affineFromColumns(steps, applyAffine(affine, first)) }
}

function checkSize(volume: Volume, size: Readonly<Triple>): void {
  if (size.length === 3 && size.every((count) => Number.isSafeInteger(count) && count >= 1)) return
  throw new DataError(`cannot crop or pad to (${size.join(', ')}) voxels`, {
    path: volumeName(volume),
    remedy: 'Give three positive whole numbers',
  })
}

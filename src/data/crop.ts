import { DataError } from './errors.js'
import { affineColumn, affineFromColumns, applyAffine, type Triple } from './geometry.js'
import { copyStrided } from './strided-copy.js'
import { cOrderStrides, countVoxels, type Volume, validateVolume, volumeName } from './volume.js'
import { allocateVoxels, canHold, voxelType } from './voxels.js'

/**
 * Voxels to add (positive) or remove (negative) before and after an axis so that `size` becomes `target`, centred. Of
 * an odd difference the beginning gets the larger part, in both directions (TorchIO's CropOrPad; reference/colipri.md
 * section 3).
 */
export function cropOrPadMargins(size: number, target: number): { before: number; after: number } {
  const difference = target - size
  const before = Math.sign(difference) * Math.ceil(Math.abs(difference) / 2)
  return { before, after: difference - before }
}

/**
 * The volume cut or filled up with `padValue` to `size` voxels, centred, each axis for itself. Cropping alone is a view
 * of the same data; padding makes a C-ordered copy of the same type. The affine moves with the first voxel.
 * Throws a DataError for a size that is not positive, or a pad value that the voxel type cannot hold.
 */
export function cropOrPad(volume: Volume, size: Readonly<Triple>, padValue: number): Volume {
  validateVolume(volume)
  const path = volumeName(volume)
  if (size.length !== 3 || !size.every((count) => Number.isSafeInteger(count) && count >= 1)) {
    throw new DataError(`cannot crop or pad to (${size.join(', ')}) voxels`, {
      path,
      remedy: 'Give three positive whole numbers',
    })
  }
  const margins = ([0, 1, 2] as const).map((axis) => cropOrPadMargins(volume.shape[axis], size[axis]))
  const before = margins.map((margin) => margin.before) as Triple
  const origin = applyAffine(volume.affine, before.map((count) => -count) as Triple)
  const affine = affineFromColumns(
    [affineColumn(volume.affine, 0), affineColumn(volume.affine, 1), affineColumn(volume.affine, 2)],
    origin,
  )
  const cropped: Volume = { ...volume, shape: [...volume.shape], affine }
  for (const axis of [0, 1, 2] as const) {
    cropped.offset += Math.max(0, -before[axis]) * volume.strides[axis]
    cropped.shape[axis] = Math.min(volume.shape[axis], size[axis])
  }
  if (cropped.shape.every((count, axis) => count === size[axis])) return cropped

  const type = voxelType(volume.data)
  if (!canHold(type, padValue)) {
    throw new DataError(`the pad value ${padValue} does not fit voxels of type ${type}`, {
      path,
      remedy: 'Pad after conversion to float32, or choose another value',
    })
  }
  const data = allocateVoxels(type, countVoxels(size)).fill(padValue)
  const strides = cOrderStrides(size)
  const offset = before.reduce((sum, count, axis) => sum + Math.max(0, count) * strides[axis as 0 | 1 | 2], 0)
  copyStrided(cropped, { data, strides, offset }, cropped.shape)
  return { ...cropped, data, shape: [...size], strides, offset: 0 }
}

import { cutBox } from './crop.js'
import { checkShape, type GridHistory, type GridRecord } from './history.js'
import type { Interpolation } from './interpolate.js'
import { rearranged } from './orientation.js'
import { resampleToGrid } from './resample.js'
import { type Volume, validateVolume } from './volume.js'

export interface RestoreOptions {
  /** How resampled grids are left again. Label maps want 'nearest'. Default 'linear'. */
  interpolation?: Interpolation
  /** The value of voxels that a step had cut away. Default 0. */
  outside?: number
}

/**
 * Brings a result back to the grid of the scan it was made from: a mask, a saliency map or the prepared volume itself,
 * with as many voxels as the prepared volume had. `history` is that volume's own (default), as it was or from JSON.
 * Orientation, crops and pads are undone exactly; only resampling interpolates. What padding had added is dropped.
 *
 * The result has the shape and the affine of the scan, and an empty history.
 * Throws a DataError when the volume does not have the shape that the history ends with.
 */
export function restoreGrid(volume: Volume, history?: GridHistory, options: RestoreOptions = {}): Volume {
  validateVolume(volume)
  const { history: own = [], ...rest } = volume
  const records = history ?? own
  const [first, last] = [records[0], records.at(-1)]
  if (first === undefined || last === undefined) return { ...rest, history: [] }
  checkShape(volume.shape, last.after.shape, 'the volume to bring back')
  // Records carry the exact grids, so that nothing drifts on the way.
  const restored = records.reduceRight((current, record) => undo(current, record, options), {
    ...rest,
    affine: last.after.affine,
  } as Volume)
  return { ...restored, affine: first.before.affine, history: [] }
}

/** Undoes one change of the grid. */
export function undo(volume: Volume, { change, before }: GridRecord, options: RestoreOptions): Volume {
  const { interpolation = 'linear', outside = 0 } = options
  switch (change.kind) {
    case 'orient': {
      const axes = [0, 1, 2].map((axis) => change.axes.indexOf(axis)) as typeof change.axes
      const back = rearranged(
        volume,
        axes,
        axes.map((axis) => change.flipped[axis]!),
      )
      return { ...back, affine: before.affine }
    }
    case 'box': {
      const first = change.first.map((index) => 0 - index) as typeof change.first
      return { ...cutBox(volume, { first, size: before.shape }, outside), affine: before.affine }
    }
    case 'resample':
      return resampleToGrid(volume, before, { interpolation })
  }
}

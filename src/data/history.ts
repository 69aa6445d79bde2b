import { DataError } from './errors.js'
import type { Affine, Triple } from './geometry.js'

/** Where voxels lie: how many there are along each array axis, and their places in RAS+ millimetres. */
export interface Grid {
  shape: Triple
  affine: Affine
}

/** What a step did to the grid. All of it is plain JSON. */
export type GridChange =
  /** New array axis n is the old axis `axes[n]`, reversed where `flipped[n]`. */
  | { kind: 'orient'; axes: Triple; flipped: [boolean, boolean, boolean] }
  /** New voxel (0, 0, 0) is the old voxel `first`; negative where voxels were added. */
  | { kind: 'box'; first: Triple }
  /** New voxels were interpolated. */
  | { kind: 'resample' }

/** One geometric step in the history of a volume. */
export interface GridRecord {
  change: GridChange
  before: Grid
  after: Grid
}

/** Grid changes in the order in which they happened, the first from the grid of the scan. */
export type GridHistory = readonly GridRecord[]

/** Only the grid of a volume or of anything else that has one. */
export function gridOf({ shape, affine }: Grid): Grid {
  return { shape: [...shape], affine: [...affine] }
}

/** The history of a volume after one more change of its grid. */
export function recorded(
  volume: Grid & { history?: GridHistory | undefined },
  change: GridChange,
  after: Grid,
): GridHistory {
  return [...(volume.history ?? []), { change, before: gridOf(volume), after: gridOf(after) }]
}

/** Throws a DataError unless the two shapes are the same. `what` says whose shape is wrong. */
export function checkShape(shape: Readonly<Triple>, wanted: Readonly<Triple>, what: string): void {
  if (shape.every((size, axis) => size === wanted[axis])) return
  throw new DataError(`${what} is ${shape.join(' x ')} voxels, not ${wanted.join(' x ')}`)
}

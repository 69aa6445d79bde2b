import { DataError } from '../errors.js'
import type { Volume } from '../volume.js'
import type { VoxelArray } from '../voxels.js'

/** The grid that a mask is wanted on. */
export type MaskGrid = Pick<Volume, 'shape' | 'affine' | 'source'>

/** What one label of a mask stands for. */
export interface MaskSegment {
  /** The voxel value: 1, 2, ... in the order of the file, whichever segments are taken. */
  label: number
  /** Its number in the file. */
  number: number
  name: string
}

/** What to do with a voxel that belongs to two segments. */
export type Overlap = 'refuse' | 'later'

/** Gives voxels of the grid to segments. */
export interface LabelPainter {
  /** The segments that are wanted, by their number in the file. */
  segments: ReadonlyMap<number, MaskSegment>
  /** Gives the voxel at this place of the array to a segment. Throws a DataError for a voxel of two, unless allowed. */
  paint(at: number, segment: MaskSegment): void
}

export function labelPainter(
  data: VoxelArray,
  segments: readonly MaskSegment[],
  overlap: Overlap,
  path: string,
): LabelPainter {
  return {
    segments: new Map(segments.map((segment) => [segment.number, segment])),
    paint(at, segment) {
      const before = data[at]!
      if (overlap === 'later') {
        data[at] = Math.max(before, segment.label)
        return
      }
      if (before !== 0 && before !== segment.label) {
        const other = segments.find(({ label }) => label === before)!
        throw new DataError(`the segments '${other.name}' and '${segment.name}' overlap`, {
          path,
          remedy: "Read them one at a time with the option segments, or let the later one win with overlap: 'later'",
        })
      }
      data[at] = segment.label
    },
  }
}

/** Throws a DataError unless a mask and a DICOM scan are of one frame of reference. Those that tell none pass. */
export function checkFrameOfReference(uid: string, scan: MaskGrid, path: string): void {
  const own = scan.source?.format === 'dicom' ? scan.source.frameOfReferenceUid : ''
  if (uid === '' || own === '' || uid === own) return
  throw new DataError(`was drawn in frame of reference ${uid}, not in the scan's ${own}`, {
    path,
    remedy: 'Give the scan that it belongs to',
  })
}

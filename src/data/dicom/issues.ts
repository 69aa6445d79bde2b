import { DataError } from '../errors.js'

/**
 * What can be wrong with a DICOM series. Those of `acceptable` are read all the same when the caller names them; each
 * says below what happens then.
 */
export type DicomIssue = AcceptableDicomIssue | 'several-series' | 'no-images' | 'no-geometry' | 'irregular' | 'colour'

export const acceptableDicomIssues = [
  /** Slices are missing, or stand more than 1 % off their places. Accepted: resampled along the normal, linearly. */
  'gap',
  /** Several slices at one place. Accepted: the one with the lowest instance number stays. */
  'duplicate',
  /** Slices are shifted against each other (gantry tilt). Accepted: the affine is sheared, voxels stay as they are. */
  'tilt',
  /** Slices with different rescale slopes or intercepts. Accepted: each is scaled by its own, to float32. */
  'mixed-rescale',
  /** The series holds scout views. Accepted: they are left out. */
  'localizer',
  /** The series holds screenshots. Accepted: they are left out. */
  'secondary-capture',
] as const

export type AcceptableDicomIssue = (typeof acceptableDicomIssues)[number]

/** A DICOM series that is not a plain volume. `issue` names what is wrong with it. */
export class DicomIssueError extends DataError {
  override readonly name = 'DicomIssueError'
  readonly issue: DicomIssue

  constructor(issue: DicomIssue, problem: string, options: { path: string; remedy?: string }) {
    const acceptable = (acceptableDicomIssues as readonly string[]).includes(issue)
    const remedy =
      options.remedy ??
      (acceptable ? `Accept it with accept: ['${issue}'], on the command line --accept ${issue}` : undefined)
    super(`${problem} (${issue})`, { path: options.path, ...(remedy === undefined ? {} : { remedy }) })
    this.issue = issue
  }
}

import { vec3 } from 'gl-matrix'
import { type Affine, checkAffine, type Triple } from '../geometry.js'
import { affineFromFrame } from '../world-frames.js'
import type { DicomFrame } from './instance.js'
import { type AcceptableDicomIssue, DicomIssueError } from './issues.js'

/** Slices in order, and the grid that they are on. */
export interface SliceStack {
  frames: DicomFrame[]
  /** RAS+, of voxels (column, row, slice). */
  affine: Affine
  /** Where each slice stands, in slices of the grid: 0, 1, 2, ... unless gaps were accepted. */
  places: number[]
  /** Slices of the grid. */
  depth: number
  accepted: AcceptableDicomIssue[]
}

/** Parts of the slice distance by which a slice may be off its place. */
const TOLERANCE = 0.01

/**
 * Orders slices by their position along the normal of their planes, and checks that they make a grid. Throws a
 * DicomIssueError for what does not, unless it is in `accept`.
 */
export function stackSlices(
  frames: readonly DicomFrame[],
  accept: ReadonlySet<AcceptableDicomIssue>,
  path: string,
): SliceStack {
  const first = frames[0]!
  if (first.orientation === undefined || first.spacingMm === undefined) {
    throw new DicomIssueError('no-geometry', 'the images say neither where they are nor how large their pixels are', {
      path,
    })
  }
  const [row, column] = first.orientation
  const normal = vec3.normalize([0, 0, 0], vec3.cross([0, 0, 0], row, column)) as Triple
  const accepted = new Set<AcceptableDicomIssue>()
  const slices = frames.map((frame) => {
    if (frame.position !== undefined)
      return { frame, position: frame.position, height: vec3.dot(frame.position, normal) }
    throw new DicomIssueError('no-geometry', 'an image does not say where it is', { path: frame.instance.file.name })
  })
  slices.sort((a, b) => a.height - b.height || order(a.frame) - order(b.frame))
  const kept = withoutDuplicates(slices, accept, accepted, path)

  const heights = kept.map(({ height }) => height)
  const step = sliceStep(heights, first, path)
  const places = heights.map((height) => (height - heights[0]!) / step)
  const depth = Math.round(places.at(-1)!) + 1
  const off = firstOffGrid(places)
  if (off >= 0) {
    if (!accept.has('gap')) throw gapError(kept, heights, places, off, step, path)
    accepted.add('gap')
  }
  const shift = shiftPerSlice(kept, normal, places, step, path)
  const shifted = Math.hypot(...shift) > TOLERANCE * step
  if (shifted) {
    if (!accept.has('tilt')) {
      const degrees = (Math.atan2(Math.hypot(...shift), step) * 180) / Math.PI
      throw new DicomIssueError('tilt', `the slices lean by ${degrees.toFixed(2)} degrees (gantry tilt)`, { path })
    }
    accepted.add('tilt')
  }
  const along = normal.map((part, axis) => part * step + (shifted ? shift[axis]! : 0)) as Triple
  const [rowMm, columnMm] = first.spacingMm
  const affine = affineFromFrame(
    'LPS',
    [row.map((part) => part * columnMm) as Triple, column.map((part) => part * rowMm) as Triple, along],
    kept[0]!.position,
  )
  checkAffine(affine, path)
  return { frames: kept.map(({ frame }) => frame), affine, places, depth, accepted: [...accepted] }
}

interface Slice {
  frame: DicomFrame
  position: Triple
  height: number
}

const order = ({ instance, index }: DicomFrame): number => instance.instanceNumber * 65536 + index

/** Slices nearer than this are at one place; thinner ones do not exist. */
const SAME_PLACE_MM = 1e-3

function withoutDuplicates(
  slices: readonly Slice[],
  accept: ReadonlySet<AcceptableDicomIssue>,
  accepted: Set<AcceptableDicomIssue>,
  path: string,
): Slice[] {
  const kept = slices.filter((slice, n) => n === 0 || slice.height - slices[n - 1]!.height > SAME_PLACE_MM)
  if (kept.length === slices.length) return kept
  if (!accept.has('duplicate')) {
    const n = slices.findIndex((slice, at) => at > 0 && slice.height - slices[at - 1]!.height <= SAME_PLACE_MM)
    const names = [slices[n - 1]!, slices[n]!].map(({ frame }) => frame.instance.file.name)
    const problem = `${slices.length - kept.length} slices are where another is, such as ${names.join(' and ')}`
    throw new DicomIssueError('duplicate', problem, { path })
  }
  accepted.add('duplicate')
  return kept
}

/** The distance of neighbours when none is missing; of a single slice the one it states. */
function sliceStep(heights: readonly number[], first: DicomFrame, path: string): number {
  if (heights.length === 1) {
    const stated = first.instance.sliceStepMm
    if (stated !== undefined) return stated
    throw new DicomIssueError('no-geometry', 'a single slice that states no thickness', { path })
  }
  const steps = heights.slice(1).map((height, n) => height - heights[n]!)
  const median = steps.toSorted((a, b) => a - b)[Math.floor(steps.length / 2)]!
  // From the whole height: single steps carry the rounding of positions, which scanners write with one decimal.
  const total = heights.at(-1)! - heights[0]!
  return total / Math.max(1, Math.round(total / median))
}

/** The first slice that is off the even grid through all of them; -1 when there is none. */
function firstOffGrid(places: readonly number[]): number {
  const jump = places.findIndex((place, n) => Math.abs(place - n) > 0.5)
  if (jump >= 0) return jump
  // The grid may lie a little before or after the first slice, whose position is rounded too.
  const lead = places.reduce((sum, place, n) => sum + place - n, 0) / places.length
  return places.findIndex((place, n) => Math.abs(place - n - lead) > TOLERANCE)
}

function gapError(
  kept: readonly Slice[],
  heights: readonly number[],
  places: readonly number[],
  off: number,
  step: number,
  path: string,
): DicomIssueError {
  const missing = Math.round(places.at(-1)!) + 1 - kept.length
  const at = Math.max(1, off)
  const distance = heights[at]! - heights[at - 1]!
  const what = missing > 0 ? `${missing} of ${kept.length + missing} slices are missing` : 'slices are unevenly spaced'
  const where = `${missing > 0 ? 'the first' : 'one'} ${distance.toFixed(3)} mm after another instead of ${step.toFixed(3)} mm`
  return new DicomIssueError('gap', `${what}, ${where}, before ${kept[at]!.frame.instance.file.name}`, { path })
}

/** Scanners write positions with one decimal. */
const ROUNDING_MM = 0.1

/** By how many millimetres within its plane each slice is shifted against the one before. All by the same, or refused. */
function shiftPerSlice(
  kept: readonly Slice[],
  normal: Readonly<Triple>,
  places: readonly number[],
  step: number,
  path: string,
): Triple {
  const origin = kept[0]!
  const inPlane = kept.map(({ position, height }) =>
    position.map((mm, axis) => mm - origin.position[axis]! - (height - origin.height) * normal[axis]!),
  )
  const last = places.at(-1)!
  const shift = inPlane.at(-1)!.map((mm) => (last > 0 ? mm / last : 0)) as Triple
  for (const [n, offset] of inPlane.entries()) {
    const rest = Math.hypot(...offset.map((mm, axis) => mm - places[n]! * shift[axis]!))
    if (rest <= Math.max(TOLERANCE * step, ROUNDING_MM)) continue
    throw new DicomIssueError('irregular', `a slice is shifted by ${rest.toFixed(3)} mm against the others`, {
      path: kept[n]!.frame.instance.file.name,
      remedy: `Registering the slices of ${path} is not this reader's business`,
    })
  }
  return shift
}

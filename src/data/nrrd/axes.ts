import { DataError, NotSupportedDataError } from '../errors.js'
import type { Triple } from '../geometry.js'
import { parseNumbers } from '../text-header.js'
import type { NrrdFields } from './fields.js'

/** Which axes of an NRRD file are in space, and how far a voxel reaches along them in the header's frame and units. */
export interface NrrdAxes {
  /** Three array axes. */
  spatial: number[]
  /** The other axes with more than one sample: volumes of one grid. */
  others: number[]
  steps: [Triple, Triple, Triple]
  /** Spacing of every axis; NaN where none is stated. */
  zooms: number[]
}

/** Kinds of axes along which volumes of one grid may lie. The rest (colours, tensors, ...) are parts of one value. */
const volumeKinds = new Set(['list', 'time', 'vector', 'point', 'domain', 'none', '???'])

/** Throws a DataError unless exactly three axes are spatial. */
export function spatialAxes(fields: NrrdFields, sizes: readonly number[], path: string): NrrdAxes {
  const directions = fields.get('space directions')
  const kinds = listOf(fields.get('kinds'), sizes.length, 'kinds', path)
  const steps =
    directions === undefined ? stepsFromSpacings(fields, sizes, kinds, path) : parseDirections(directions, sizes, path)
  const spatial = steps.flatMap((step, axis) => (step === undefined ? [] : [axis]))
  if (spatial.length !== 3) {
    throw new DataError(`${spatial.length} of ${sizes.length} axes are in space, not three`, { path })
  }
  const others = steps.flatMap((step, axis) => (step === undefined && sizes[axis]! > 1 ? [axis] : []))
  const odd = others.find((axis) => !volumeKinds.has(kinds?.[axis]?.toLowerCase() ?? 'list'))
  if (odd !== undefined) {
    throw new NotSupportedDataError(`axis ${odd} is of kind '${kinds![odd]}': voxels of several parts are not read`, {
      path,
    })
  }
  // Volumes follow each other at one distance only if their axes are neighbours in memory.
  if (others.some((axis, n) => n > 0 && axis !== others[n - 1]! + 1)) {
    throw new NotSupportedDataError('the volumes lie along several axes that are not neighbours', { path })
  }
  const length = ([x, y, z]: Triple) => Math.sqrt(x * x + y * y + z * z)
  return {
    spatial,
    others,
    steps: spatial.map((axis) => steps[axis]!) as [Triple, Triple, Triple],
    zooms: steps.map((step) => (step === undefined ? Number.NaN : length(step))),
  }
}

function listOf(text: string | undefined, count: number, field: string, path: string): string[] | undefined {
  if (text === undefined) return undefined
  const words = text.trim().split(/\s+/)
  if (words.length === count) return words
  throw new DataError(`${field} lists ${words.length} axes instead of ${count}`, { path })
}

function parseDirections(text: string, sizes: readonly number[], path: string): (Triple | undefined)[] {
  const words = text.match(/\([^()]*\)|[^\s()]+/g) ?? []
  if (words.length !== sizes.length) {
    throw new DataError(`space directions lists ${words.length} axes instead of ${sizes.length}`, { path })
  }
  return words.map((word) => {
    if (word.toLowerCase() === 'none') return undefined
    const numbers = word.startsWith('(') ? word.slice(1, -1).split(',') : []
    const vector = numbers.length === 0 ? [] : parseNumbers(numbers.join(' '), 'space directions', path)
    if (vector.length === 3) return vector as Triple
    // In a frame with time the fourth number is time, and an axis that only advances time is none of space.
    if (vector.length === 4 && vector[3] === 0) return vector.slice(0, 3) as Triple
    if (vector.length === 4 && vector.slice(0, 3).every((value) => value === 0)) return undefined
    throw new DataError(`space directions holds ${word.slice(0, 60)}`, { path })
  })
}

/** Axes of a header without directions: along the frame's own, in the order of the file. */
function stepsFromSpacings(
  fields: NrrdFields,
  sizes: readonly number[],
  kinds: string[] | undefined,
  path: string,
): (Triple | undefined)[] {
  const spacings = listOf(fields.get('spacings'), sizes.length, 'spacings', path)
  if (spacings === undefined) {
    throw new DataError('the header states neither space directions nor spacings', { path })
  }
  const inSpace = (axis: number) =>
    kinds === undefined ? spacings[axis]!.toLowerCase() !== 'nan' : /^(domain|space)$/i.test(kinds[axis]!)
  let world = 0
  return sizes.map((_, axis) => {
    if (!inSpace(axis)) return undefined
    const step: Triple = [0, 0, 0]
    step[world++ as 0 | 1 | 2] = parseNumbers(spacings[axis]!, 'spacings', path)[0]!
    return step
  })
}

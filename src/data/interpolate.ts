import { vec3 } from 'gl-matrix'
import { type AxisTables, linearTable, pickByTables, sampleByTables } from './axis-tables.js'
import { catmullRom } from './catmull-rom.js'
import { type Affine, type Axis, affineColumn, affineSpacingMm, invertAffine, type Triple } from './geometry.js'
import type { Volume } from './volume.js'

/** Cosine between array axes up to which they count as perpendicular. */
const PERPENDICULAR = 1e-6

/** How values between voxels come about. */
export type Interpolation = 'linear' | 'nearest' | 'cubic'

export interface SampleOptions {
  interpolation: Interpolation
  /** What lies more than half a voxel beyond the outermost voxel centres. Default: the edge, repeated. */
  outside?: number | undefined
}

type SampleLine = (
  source: Volume,
  target: Volume,
  first: number,
  start: Triple,
  end: Triple,
  outside: number | undefined,
) => void

const sampleLines: Record<Interpolation, SampleLine> = {
  linear: sampleLineLinear,
  nearest: sampleLineNearest,
  cubic: sampleLineCubic,
}

/**
 * Fills `target` with samples of `source` at the places its affine says. Writing to an integer array truncates toward
 * zero.
 *
 * The arithmetic of linear interpolation is that of ITK's ResampleImageFilter with a LinearInterpolateImageFunction,
 * operation by operation, because truncation makes the last bit visible: a sample that falls on a voxel of 58 HU becomes
 * 58 or 57. So the two ends of every line along axis 0 are mapped through millimetres to source voxels, positions
 * between them are interpolated, and values are blended along axis 0, then 1, then 2. Results for integers are ITK's own
 * as long as the matrix inverse has one obvious rounding; for fully oblique scans ITK's comes from a singular value
 * decomposition that is not imitated.
 */
export function sampleAlongLines(source: Volume, target: Volume, { interpolation, outside }: SampleOptions): void {
  const toSource = voxelMapping(source.affine, target.affine)
  if (interpolation !== 'cubic' && outside === undefined) {
    const tables = tablesBetween(source, target, interpolation)
    if (tables !== undefined) {
      const fill = interpolation === 'linear' ? sampleByTables : pickByTables
      fill(source, target, tables)
      return
    }
  }
  const sampleLine = sampleLines[interpolation]
  const start: Triple = [0, 0, 0]
  const end: Triple = [0, 0, 0]
  // The inner of the two line loops follows the narrower step in the source's memory.
  const inner = Math.abs(source.strides[1]) < Math.abs(source.strides[2]) ? 1 : 2
  const outer = 3 - inner
  const index: Triple = [0, 0, 0]
  for (index[outer] = 0; index[outer]! < target.shape[outer]!; index[outer]!++) {
    for (index[inner] = 0; index[inner]! < target.shape[inner]!; index[inner]!++) {
      toSource(start, 0, index[1], index[2])
      toSource(end, target.shape[0], index[1], index[2])
      const first = target.offset + index[1] * target.strides[1] + index[2] * target.strides[2]
      sampleLine(source, target, first, start, end, outside)
    }
  }
}

/** Where the samples of each axis lie, for grids with the same axes; undefined for others. */
export function tablesBetween(
  source: Pick<Volume, 'shape' | 'strides' | 'affine'>,
  target: Pick<Volume, 'shape' | 'affine'>,
  interpolation: 'linear' | 'nearest',
): AxisTables | undefined {
  const toSource = voxelMapping(source.affine, target.affine)
  return isDiagonal(toSource) ? diagonalTables(source, target, toSource, interpolation) : undefined
}

/** Writes to `out` where target voxel (i, j, k) lies, in source voxels. */
type VoxelMapping = (out: Triple, i: number, j: number, k: number) => void

/** True when each source position follows from one index alone, to the last bit. */
function isDiagonal(toSource: VoxelMapping): boolean {
  const [origin, step]: [Triple, Triple] = [
    [0, 0, 0],
    [0, 0, 0],
  ]
  toSource(origin, 0, 0, 0)
  return ([0, 1, 2] as const).every((axis) => {
    const index: Triple = [0, 0, 0]
    index[axis] = 1
    toSource(step, ...index)
    return step.every((position, other) => other === axis || position === origin[other])
  })
}

/** The positions that lines would have, axis by axis. */
function diagonalTables(
  source: Pick<Volume, 'shape' | 'strides'>,
  target: Pick<Volume, 'shape'>,
  toSource: VoxelMapping,
  interpolation: 'linear' | 'nearest',
): AxisTables {
  const at: Triple = [0, 0, 0]
  const position = (axis: Axis, index: number): number => {
    const point: Triple = [0, 0, 0]
    point[axis] = index
    toSource(at, ...point)
    return at[axis]
  }
  const count = target.shape[0]
  const start = position(0, 0)
  const length = position(0, count) - start
  const table = (axis: Axis) => {
    const positions = Float64Array.from({ length: target.shape[axis] }, (_, n) => {
      const at = axis === 0 ? start + (n / count) * length : position(axis, n)
      // Halfway between two voxels the upper one, as ITK rounds.
      return interpolation === 'linear' ? at : Math.floor(at + 0.5)
    })
    return linearTable(positions, source.shape[axis], source.strides[axis])
  }
  return [table(0), table(1), table(2)]
}

/** The way from target voxels through millimetres to source voxels. */
function voxelMapping(source: Affine, target: Affine): VoxelMapping {
  const inverse = inverseRows(source)
  const mm: Triple = [0, 0, 0]
  return (out, i, j, k) => {
    for (let row = 0; row < 3; row++) {
      const [x, y, z] = [target[row * 4]!, target[row * 4 + 1]!, target[row * 4 + 2]!]
      mm[row] = target[row * 4 + 3]! + i * x + j * y + k * z - source[row * 4 + 3]!
    }
    for (let axis = 0; axis < 3; axis++) {
      const [x, y, z] = inverse[axis]!
      out[axis] = x! * mm[0] + y! * mm[1] + z! * mm[2]
    }
  }
}

/** Rows of the inverse of the affine's 3x3 part: millimetres to voxels. */
function inverseRows(affine: Affine): number[][] {
  const steps = [affineColumn(affine, 0), affineColumn(affine, 1), affineColumn(affine, 2)] as const
  const spacing = affineSpacingMm(affine)
  const cosine = (a: 0 | 1 | 2, b: 0 | 1 | 2) => vec3.dot(steps[a], steps[b]) / (spacing[a] * spacing[b])
  if (Math.max(Math.abs(cosine(0, 1)), Math.abs(cosine(0, 2)), Math.abs(cosine(1, 2))) < PERPENDICULAR) {
    // The transposed direction over the spacing: 1 / spacing without further rounding for axes parallel to the body's.
    return steps.map((step, axis) => step.map((mm) => mm / spacing[axis]! / spacing[axis]!))
  }
  const inverse = invertAffine(affine)
  return [inverse.slice(0, 3), inverse.slice(4, 7), inverse.slice(8, 11)]
}

/** One line of target voxels along axis 0 from `first` (an element offset), between the source voxels start and end. */
function sampleLineLinear(
  source: Volume,
  target: Volume,
  first: number,
  start: Triple,
  end: Triple,
  outside: number | undefined,
): void {
  const { data, offset } = source
  const [last0, last1, last2] = [source.shape[0] - 1, source.shape[1] - 1, source.shape[2] - 1]
  const [stride0, stride1, stride2] = source.strides
  const [start0, start1, start2] = start
  const [length0, length1, length2] = [end[0] - start0, end[1] - start1, end[2] - start2]
  const to = target.data
  const count = target.shape[0]
  const toStep = target.strides[0]
  let t = first
  for (let n = 0; n < count; n++) {
    const part = n / count
    const [raw0, raw1, raw2] = [start0 + part * length0, start1 + part * length1, start2 + part * length2]
    if (outside !== undefined && !isInside(source.shape, raw0, raw1, raw2)) {
      to[t] = outside
      t += toStep
      continue
    }
    const position0 = Math.min(Math.max(raw0, 0), last0)
    const position1 = Math.min(Math.max(raw1, 0), last1)
    const position2 = Math.min(Math.max(raw2, 0), last2)
    const below0 = Math.floor(position0)
    const below1 = Math.floor(position1)
    const below2 = Math.floor(position2)
    const weight0 = position0 - below0
    const weight1 = position1 - below1
    const weight2 = position2 - below2
    // A neighbour without weight is not read: it may be beyond the edge, or NaN.
    const next0 = weight0 > 0 ? stride0 : 0
    const next1 = weight1 > 0 ? stride1 : 0
    const next2 = weight2 > 0 ? stride2 : 0
    const f00 = offset + below0 * stride0 + below1 * stride1 + below2 * stride2
    const f10 = f00 + next1
    const f01 = f00 + next2
    const f11 = f10 + next2
    const v000 = data[f00]!
    const v010 = data[f10]!
    const v001 = data[f01]!
    const v011 = data[f11]!
    const v00 = v000 + (data[f00 + next0]! - v000) * weight0
    const v10 = v010 + (data[f10 + next0]! - v010) * weight0
    const v01 = v001 + (data[f01 + next0]! - v001) * weight0
    const v11 = v011 + (data[f11 + next0]! - v011) * weight0
    const v0 = v00 + (v10 - v00) * weight1
    const v1 = v01 + (v11 - v01) * weight1
    to[t] = v0 + (v1 - v0) * weight2
    t += toStep
  }
}

/** Whether a position is within half a voxel of the volume's voxel centres, as ITK draws the border. */
function isInside(shape: Readonly<Triple>, x: number, y: number, z: number): boolean {
  return x >= -0.5 && y >= -0.5 && z >= -0.5 && x <= shape[0] - 0.5 && y <= shape[1] - 0.5 && z <= shape[2] - 0.5
}

/** The same with the nearest voxel; halfway between two the upper one, as ITK rounds. */
function sampleLineNearest(
  source: Volume,
  target: Volume,
  first: number,
  start: Triple,
  end: Triple,
  outside: number | undefined,
): void {
  const { data, offset, shape, strides } = source
  const to = target.data
  const count = target.shape[0]
  const at: Triple = [0, 0, 0]
  for (let n = 0; n < count; n++) {
    let f = offset
    for (let axis = 0; axis < 3; axis++) {
      const position = start[axis]! + (n / count) * (end[axis]! - start[axis]!)
      at[axis as Axis] = position
      f += Math.min(Math.max(Math.floor(position + 0.5), 0), shape[axis]! - 1) * strides[axis]!
    }
    to[first + n * target.strides[0]] = outside === undefined || isInside(shape, ...at) ? data[f]! : outside
  }
}

/** The same with the Catmull-Rom spline along each axis; taps beyond an end are the edge. */
function sampleLineCubic(
  source: Volume,
  target: Volume,
  first: number,
  start: Triple,
  end: Triple,
  outside: number | undefined,
): void {
  const { data, offset, shape, strides } = source
  const to = target.data
  const count = target.shape[0]
  const at: Triple = [0, 0, 0]
  const taps = [new Int32Array(4), new Int32Array(4), new Int32Array(4)] as const
  const weights: [number, number, number, number][] = []
  for (let n = 0; n < count; n++) {
    for (const axis of [0, 1, 2] as const) {
      at[axis] = start[axis] + (n / count) * (end[axis] - start[axis])
      const last = shape[axis] - 1
      const position = Math.min(Math.max(at[axis], 0), last)
      const below = Math.floor(position)
      weights[axis] = catmullRom(position - below)
      for (let tap = 0; tap < 4; tap++) {
        taps[axis][tap] = Math.min(Math.max(below - 1 + tap, 0), last) * strides[axis]
      }
    }
    let sum = 0
    for (let a = 0; a < 4; a++) {
      for (let b = 0; b < 4; b++) {
        const weight = weights[0]![a]! * weights[1]![b]!
        if (weight === 0) continue
        const base = offset + taps[0][a]! + taps[1][b]!
        for (let c = 0; c < 4; c++) {
          const share = weight * weights[2]![c]!
          // A neighbour without weight may be NaN.
          if (share !== 0) sum += share * data[base + taps[2][c]!]!
        }
      }
    }
    to[first + n * target.strides[0]] = outside === undefined || isInside(shape, ...at) ? sum : outside
  }
}

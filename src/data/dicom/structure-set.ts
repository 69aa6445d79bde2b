import { DataError, NotSupportedDataError } from '../errors.js'
import { type Axis, applyAffine, invertAffine, type Triple } from '../geometry.js'
import { cOrderStrides } from '../volume.js'
import { betweenRasAnd } from '../world-frames.js'
import { type DataSet, decimals, items, text } from './dataset.js'
import { turnOverInside } from './fill-contour.js'
import { checkFrameOfReference, type LabelPainter, type MaskGrid, type MaskSegment } from './mask-target.js'

/** The structures of an RTSTRUCT object that have closed contours. Throws a DataError when there are none. */
export function structuresOf(dataSet: DataSet, path: string): MaskSegment[] {
  const drawn = new Set(
    items(dataSet, 'x30060039').flatMap((roi) =>
      closedContours(roi).length > 0 ? [wholeNumber(roi, 'x30060084')] : [],
    ),
  )
  const structures = items(dataSet, 'x30060020')
    .map((roi) => ({ number: wholeNumber(roi, 'x30060022'), name: text(roi, 'x30060026') }))
    .filter(({ number }) => drawn.has(number))
  if (structures.length === 0) throw new DataError('holds no structure with closed contours', { path })
  if (structures.length > 65535) throw new DataError(`holds ${structures.length} structures`, { path })
  return structures.map((structure, n) => ({ label: n + 1, ...structure }))
}

function wholeNumber(dataSet: DataSet, tag: string): number {
  const value = text(dataSet, tag)
  return value === '' ? Number.NaN : Number(value)
}

function closedContours(roi: DataSet): DataSet[] {
  return items(roi, 'x30060040').filter((contour) => text(contour, 'x30060042').startsWith('CLOSED_PLANAR'))
}

interface Painting {
  dataSet: DataSet
  path: string
  scan: MaskGrid
  painter: LabelPainter
}

/** Paints the closed contours of an RTSTRUCT object onto the scan's grid. Errors as of `readDicomMask`. */
export function paintStructures({ dataSet, path, scan, painter }: Painting): void {
  const frames = new Map(
    items(dataSet, 'x30060020').map((roi) => [wholeNumber(roi, 'x30060022'), text(roi, 'x30060024')]),
  )
  const toVoxels = invertAffine(scan.affine)
  let onScan = 0
  for (const roi of items(dataSet, 'x30060039')) {
    const segment = painter.segments.get(wholeNumber(roi, 'x30060084'))
    if (segment === undefined) continue
    checkFrameOfReference(frames.get(segment.number) ?? '', scan, path)
    const slices = new Map<string, { axis: Axis; index: number; bitmap: Uint8Array }>()
    for (const contour of closedContours(roi)) {
      const points = voxelPoints(contour, toVoxels, path)
      const { axis, index } = sliceOf(points, segment, path)
      if (index < 0 || index >= scan.shape[axis]) continue
      const [across, along] = inPlane(axis)
      const key = `${axis} ${index}`
      const bitmap = slices.get(key)?.bitmap ?? new Uint8Array(scan.shape[across] * scan.shape[along])
      slices.set(key, { axis, index, bitmap })
      const flat = points.flatMap((point) => [point[across], point[along]])
      turnOverInside(bitmap, scan.shape[across], scan.shape[along], flat)
      onScan++
    }
    for (const { axis, index, bitmap } of slices.values()) paintSlice(bitmap, axis, index, segment, scan, painter)
  }
  if (onScan > 0) return
  throw new DataError('none of its contours lies in a slice of the scan', {
    path,
    remedy: 'Give the scan that it belongs to',
  })
}

/** The corners of a contour in voxels of the scan. */
function voxelPoints(contour: DataSet, toVoxels: readonly number[], path: string): Triple[] {
  const numbers = decimals(contour, 'x30060050', path) ?? []
  if (numbers.length === 0 || numbers.length % 3 !== 0) {
    throw new DataError(`a contour has ${numbers.length} coordinates`, { path })
  }
  return Array.from({ length: numbers.length / 3 }, (_, n) =>
    applyAffine(toVoxels, betweenRasAnd('LPS', numbers.slice(3 * n, 3 * n + 3) as Triple)).map(rounded),
  ) as Triple[]
}

/** Corners on the very centre of a voxel are common: the last bits shall not decide about the whole row. */
function rounded(index: number): number {
  return Math.round(index * 1e4) / 1e4
}

/** How far, in voxels, the points of a contour may be from one slice: positions are written with few decimals. */
const OFF_SLICE_VOXELS = 0.1

/** The slice of the scan that a contour was drawn in. */
function sliceOf(points: readonly Triple[], segment: MaskSegment, path: string): { axis: Axis; index: number } {
  for (const axis of [2, 0, 1] as const) {
    const index = Math.round(points[0]![axis])
    if (points.every((point) => Math.abs(point[axis] - index) <= OFF_SLICE_VOXELS)) return { axis, index }
  }
  throw new NotSupportedDataError(`a contour of '${segment.name}' lies in no slice of the scan`, {
    path,
    remedy: 'Give the scan as it was when the contours were drawn, not resampled',
  })
}

function inPlane(axis: Axis): readonly [Axis, Axis] {
  return axis === 0 ? [1, 2] : axis === 1 ? [0, 2] : [0, 1]
}

function paintSlice(
  bitmap: Uint8Array,
  axis: Axis,
  index: number,
  segment: MaskSegment,
  { shape }: MaskGrid,
  painter: LabelPainter,
): void {
  const strides = cOrderStrides(shape)
  const [across, along] = inPlane(axis)
  const width = shape[across]
  for (const [n, inside] of bitmap.entries()) {
    if (inside === 0) continue
    const [x, y] = [n % width, Math.floor(n / width)]
    painter.paint(index * strides[axis] + x * strides[across] + y * strides[along], segment)
  }
}

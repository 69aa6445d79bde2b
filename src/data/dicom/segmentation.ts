import { DataError, NotSupportedDataError } from '../errors.js'
import { applyAffine, invertAffine, multiplyAffines, type Triple } from '../geometry.js'
import { affineFromFrame } from '../world-frames.js'
import { type DataSet, decimals, items, readInflated, text } from './dataset.js'
import type { DicomFile } from './files.js'
import { type DicomFrame, type DicomInstance, parseInstance } from './instance.js'
import { checkFrameOfReference, type LabelPainter, type MaskGrid, type MaskSegment } from './mask-target.js'
import { isCompressed, isDeflated } from './pixels.js'

/** The segments of a SEG object. Throws a DataError when it describes none, or two by one number. */
export function segmentsOf(dataSet: DataSet, path: string): MaskSegment[] {
  const segments = items(dataSet, 'x00620002').map((item, n) => {
    const number = item.uint16('x00620004')
    if (number === undefined) throw new DataError(`segment ${n + 1} has no number`, { path })
    const meaning = items(item, 'x0062000f')[0]
    return { label: n + 1, number, name: text(item, 'x00620005') || (meaning && text(meaning, 'x00080104')) || '' }
  })
  if (segments.length === 0) throw new DataError('describes no segment', { path })
  if (new Set(segments.map(({ number }) => number)).size === segments.length) return segments
  throw new DataError('describes two segments of one number', { path })
}

interface Painting {
  dataSet: DataSet
  file: DicomFile
  scan: MaskGrid
  painter: LabelPainter
  /** The part of a voxel from which on it belongs to a segment. */
  fraction: number
}

/** Paints the frames of a SEG object onto the scan's grid. Errors as of `readDicomMask`. */
export async function paintSegmentation({ dataSet, file, scan, painter, fraction }: Painting): Promise<void> {
  const path = file.name
  await using source = await file.open()
  const instance = parseInstance(dataSet, file, source.size)
  if (instance === undefined) throw new DataError('holds no pixels', { path })
  checkFrameOfReference(instance.frameOfReference, scan, path)
  if (isCompressed(instance)) {
    throw new NotSupportedDataError(`segmentations of transfer syntax ${instance.transferSyntax} are not read`, {
      path,
      remedy: 'Decompress it with dcmdrle of DCMTK',
    })
  }
  const bytes = isDeflated(instance) ? await readInflated(source) : undefined
  const stored = storageOf(dataSet, instance, fraction)
  const pixels = instance.rows * instance.columns
  const neededBytes = Math.ceil((instance.frames.length * pixels * instance.bitsAllocated) / 8)
  const thereBytes = Math.min(instance.pixels.length ?? 0, (bytes?.length ?? source.size) - instance.pixels.offset)
  if (thereBytes < neededBytes) {
    throw new DataError(`its frames need ${neededBytes} bytes of pixels, of which ${thereBytes} are there`, { path })
  }
  const shared = items(dataSet, 'x52009229')[0]
  const perFrame = items(dataSet, 'x52009230')
  const stepMm = sliceStepMm(instance, shared, perFrame[0], path)
  let isOnScan = false
  for (const frame of instance.frames) {
    const number = segmentNumber(perFrame[frame.index], shared, path)
    const segment = painter.segments.get(number)
    if (segment === undefined) continue
    const firstBit = frame.index * pixels * instance.bitsAllocated
    const start = instance.pixels.offset + (firstBit >> 3)
    const end = instance.pixels.offset + Math.ceil((firstBit + pixels * instance.bitsAllocated) / 8)
    const content = bytes?.subarray(start, end) ?? new Uint8Array(end - start)
    if (bytes === undefined) await source.read(start, content)
    const isInside = stored(content, firstBit & 7)
    for (const { at, pixel } of voxelsOfFrame(frame, stepMm, scan)) {
      isOnScan = true
      if (isInside(pixel)) painter.paint(at, segment)
    }
  }
  if (isOnScan) return
  throw new DataError('none of its frames lies on the scan', { path, remedy: 'Give the scan that it belongs to' })
}

type PixelTest = (pixel: number) => boolean

/** How the pixels of a frame tell that they are inside, given its bytes and the bit that it begins with. */
function storageOf(
  dataSet: DataSet,
  { bitsAllocated, samplesPerPixel, file }: DicomInstance,
  fraction: number,
): (bytes: Uint8Array, firstBit: number) => PixelTest {
  const kind = text(dataSet, 'x00620001')
  if (kind === 'BINARY' && bitsAllocated === 1 && samplesPerPixel === 1) {
    // Frames follow each other bit by bit, without padding, the first pixel in the lowest bit (PS3.5 8.1.1).
    return (bytes, firstBit) => (pixel) => ((bytes[(firstBit + pixel) >> 3]! >> ((firstBit + pixel) & 7)) & 1) === 1
  }
  if (kind === 'FRACTIONAL' && bitsAllocated === 8 && samplesPerPixel === 1) {
    const whole = dataSet.uint16('x0062000e') ?? 0
    if (whole < 1) throw new DataError('its largest fraction is missing', { path: file.name })
    const least = Math.max(fraction * whole, Number.MIN_VALUE)
    return (bytes) => (pixel) => bytes[pixel]! >= least
  }
  throw new NotSupportedDataError(`segmentations of kind '${kind}' with ${bitsAllocated} bits are not read`, {
    path: file.name,
    remedy: 'Read are BINARY with 1 bit and FRACTIONAL with 8',
  })
}

function segmentNumber(own: DataSet | undefined, shared: DataSet | undefined, path: string): number {
  for (const holder of [own, shared]) {
    const number = items(holder, 'x0062000a')[0]?.uint16('x0062000b')
    if (number !== undefined) return number
  }
  throw new DataError('a frame does not tell which segment it shows', { path })
}

/** The distance of neighbouring slices: as stated, else the smallest between frames, else the thickness. */
function sliceStepMm(
  { frames }: DicomInstance,
  shared: DataSet | undefined,
  own: DataSet | undefined,
  path: string,
): number {
  const stated = (tag: string) =>
    [own, shared].map((holder) => {
      const measures = items(holder, 'x00289110')[0]
      return measures && decimals(measures, tag, path)?.[0]
    })
  const heights = frames.map((frame) => dot(geometryOf(frame).position, geometryOf(frame).normal)).sort((a, b) => a - b)
  const distances = heights.slice(1).map((height, n) => height - heights[n]!)
  const smallest = Math.min(...distances.filter((distance) => distance > SAME_PLACE_MM))
  const candidates = [...stated('x00180088'), smallest, ...stated('x00180050')]
  const step = candidates.find((mm) => mm !== undefined && mm > 0 && Number.isFinite(mm))
  if (step === undefined) throw new DataError('does not tell how far its slices are apart', { path })
  return step
}

/** Slices nearer than this are at one place. */
const SAME_PLACE_MM = 1e-3

function dot(a: Readonly<Triple>, b: Readonly<Triple>): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

function geometryOf({ instance, position, orientation, spacingMm }: DicomFrame) {
  if (position === undefined || orientation === undefined || spacingMm === undefined) {
    throw new DataError('a frame does not say where it is, or how large its pixels are', { path: instance.file.name })
  }
  const [row, column] = orientation
  const normal: Triple = [
    row[1] * column[2] - row[2] * column[1],
    row[2] * column[0] - row[0] * column[2],
    row[0] * column[1] - row[1] * column[0],
  ]
  return { position, row, column, normal, spacingMm }
}

/** Places on a grid's border belong to the frame below; positions are written with few decimals. */
const BORDER_VOXELS = 1e-4

/** The voxels of the scan whose centres lie in a frame's slab, and the pixel that each of them is nearest to. */
function* voxelsOfFrame(frame: DicomFrame, stepMm: number, scan: MaskGrid): Generator<{ at: number; pixel: number }> {
  const { position, row, column, normal, spacingMm } = geometryOf(frame)
  const { rows, columns } = frame.instance
  const [rowMm, columnMm] = spacingMm
  const scale = (direction: Triple, mm: number) => direction.map((part) => part * mm) as Triple
  const steps = [scale(row, columnMm), scale(column, rowMm), scale(normal, stepMm)] as const
  const frameAffine = affineFromFrame('LPS', steps, position)
  const toFrame = multiplyAffines(invertAffine(frameAffine), scan.affine)
  const [low, high] = boxAround(multiplyAffines(invertAffine(scan.affine), frameAffine), rows, columns, scan.shape)
  const [, sizeJ, sizeK] = scan.shape
  for (let i = low[0]; i <= high[0]; i++) {
    for (let j = low[1]; j <= high[1]; j++) {
      const from = applyAffine(toFrame, [i, j, 0])
      const [first, last] = slabAlongLine(from[2], toFrame[10]!, low[2], high[2])
      for (let k = first; k <= last; k++) {
        const depth = from[2] + toFrame[10]! * k + 0.5 + BORDER_VOXELS
        if (depth < 0 || depth >= 1) continue
        const x = Math.floor(from[0] + toFrame[2]! * k + 0.5 + BORDER_VOXELS)
        const y = Math.floor(from[1] + toFrame[6]! * k + 0.5 + BORDER_VOXELS)
        if (x < 0 || x >= columns || y < 0 || y >= rows) continue
        yield { at: (i * sizeJ + j) * sizeK + k, pixel: y * columns + x }
      }
    }
  }
}

/** Which voxels of a line may have depths between -0.5 and 0.5; one more at each end, for rounding. */
function slabAlongLine(depth: number, perVoxel: number, low: number, high: number): [number, number] {
  if (Math.abs(perVoxel) < 1e-9) return [low, high]
  const ends = [(-0.5 - depth) / perVoxel, (0.5 - depth) / perVoxel]
  return [Math.max(low, Math.floor(Math.min(...ends)) - 1), Math.min(high, Math.ceil(Math.max(...ends)) + 1)]
}

/** The box of scan voxels that a frame's slab reaches into. */
function boxAround(toScan: readonly number[], rows: number, columns: number, shape: Readonly<Triple>) {
  const corners = [-0.5, 0.5].flatMap((depth) =>
    [-0.5, rows - 0.5].flatMap((y) => [-0.5, columns - 0.5].map((x) => applyAffine(toScan, [x, y, depth]))),
  )
  const edge = (axis: 0 | 1 | 2, pick: (...values: number[]) => number) =>
    pick(...corners.map((corner) => corner[axis]))
  const axes = [0, 1, 2] as const
  return [
    axes.map((axis) => Math.max(0, Math.floor(edge(axis, Math.min)))) as Triple,
    axes.map((axis) => Math.min(shape[axis] - 1, Math.ceil(edge(axis, Math.max)))) as Triple,
  ] as const
}

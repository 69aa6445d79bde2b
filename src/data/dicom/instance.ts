import { DataError } from '../errors.js'
import type { Triple } from '../geometry.js'
import { type DataSet, decimals, items, text } from './dataset.js'
import type { DicomFile } from './files.js'

/** One image of a DICOM file. */
export interface DicomFrame {
  instance: DicomInstance
  /** Which of the file's frames. */
  index: number
  /** Centre of the first voxel in the patient, millimetres, left, posterior and superior positive. */
  position: Triple | undefined
  /** Directions of growing column and of growing row. */
  orientation: [Triple, Triple] | undefined
  /** Millimetres between rows, and between columns. */
  spacingMm: [number, number] | undefined
  /** Value = stored x slope + intercept. */
  slope: number
  intercept: number
}

/** What a DICOM image file says, its pixels apart. */
export interface DicomInstance {
  file: DicomFile
  fileBytes: number
  transferSyntax: string
  sopClass: string
  modality: string
  imageType: string[]
  studyUid: string
  seriesUid: string
  frameOfReference: string
  description: string
  instanceNumber: number
  /** Distance of neighbouring slices as stated, or their thickness; undefined when the file tells neither. */
  sliceStepMm: number | undefined
  rows: number
  columns: number
  samplesPerPixel: number
  bitsAllocated: number
  bitsStored: number
  highBit: number
  signed: boolean
  /** Where the pixels lie in the file; undefined length for encapsulated ones. */
  pixels: { offset: number; length: number | undefined }
  frames: DicomFrame[]
}

/** The image of a file; undefined when it holds none. Throws a DataError for contradictions. */
export function parseInstance(dataSet: DataSet, file: DicomFile, fileBytes: number): DicomInstance | undefined {
  const pixelData = dataSet.elements.x7fe00010
  if (pixelData === undefined) return undefined
  const path = file.name
  const count = (tag: string, what: string, standard?: number): number => {
    const value = dataSet.uint16(tag) ?? standard
    if (value === undefined || value < 1) throw new DataError(`${what} is ${value ?? 'missing'}`, { path })
    return value
  }
  const bitsAllocated = count('x00280100', 'BitsAllocated')
  const bitsStored = count('x00280101', 'BitsStored', bitsAllocated)
  const highBit = dataSet.uint16('x00280102') ?? bitsStored - 1
  if (bitsStored > bitsAllocated || highBit >= bitsAllocated || highBit < bitsStored - 1) {
    throw new DataError(`${bitsStored} bits up to bit ${highBit} do not fit ${bitsAllocated}`, { path })
  }
  const frames = Number(text(dataSet, 'x00280008') || '1')
  if (!Number.isSafeInteger(frames) || frames < 1 || frames > 65536) {
    throw new DataError(`NumberOfFrames is ${text(dataSet, 'x00280008').slice(0, 20)}`, { path })
  }
  const step = decimals(dataSet, 'x00180088', path)?.[0] ?? decimals(dataSet, 'x00180050', path)?.[0]
  const instance: DicomInstance = {
    file,
    fileBytes,
    transferSyntax: text(dataSet, 'x00020010'),
    sopClass: text(dataSet, 'x00080016'),
    modality: text(dataSet, 'x00080060'),
    imageType: text(dataSet, 'x00080008').split('\\'),
    studyUid: text(dataSet, 'x0020000d'),
    seriesUid: text(dataSet, 'x0020000e'),
    frameOfReference: text(dataSet, 'x00200052'),
    description: text(dataSet, 'x0008103e'),
    instanceNumber: Number(text(dataSet, 'x00200013')) || 0,
    sliceStepMm: step !== undefined && step > 0 ? step : undefined,
    rows: count('x00280010', 'Rows'),
    columns: count('x00280011', 'Columns'),
    samplesPerPixel: count('x00280002', 'SamplesPerPixel', 1),
    bitsAllocated,
    bitsStored,
    highBit,
    signed: dataSet.uint16('x00280103') === 1,
    pixels: {
      offset: pixelData.dataOffset,
      length: pixelData.hadUndefinedLength ? undefined : pixelData.length,
    },
    frames: [],
  }
  const shared = items(dataSet, 'x52009229')[0]
  const perFrame = items(dataSet, 'x52009230')
  if (perFrame.length > 0 && perFrame.length !== frames) {
    throw new DataError(`${frames} frames, but ${perFrame.length} items that describe them`, { path })
  }
  instance.frames = Array.from({ length: frames }, (_, index) => ({
    instance,
    index,
    ...frameGeometry(dataSet, shared, perFrame[index], path),
  }))
  return instance
}

/** Geometry and scaling of one frame: its own, else that of all frames, else that of the file. */
function frameGeometry(dataSet: DataSet, shared: DataSet | undefined, own: DataSet | undefined, path: string) {
  const find = (sequence: string, tag: string, length: number): number[] | undefined => {
    for (const holder of [items(own, sequence)[0], items(shared, sequence)[0], dataSet]) {
      const numbers = holder && decimals(holder, tag, path)
      if (numbers === undefined) continue
      if (numbers.length === length) return numbers
      throw new DataError(`element ${tag.slice(1)} has ${numbers.length} numbers instead of ${length}`, { path })
    }
    return undefined
  }
  const spacing = find('x00289110', 'x00280030', 2)
  if (spacing !== undefined && !spacing.every((mm) => mm > 0)) {
    throw new DataError(`PixelSpacing is ${spacing.join(' x ')}`, { path })
  }
  return {
    position: find('x00209113', 'x00200032', 3) as Triple | undefined,
    orientation: orientationOf(find('x00209116', 'x00200037', 6), path),
    spacingMm: spacing as [number, number] | undefined,
    slope: find('x00289145', 'x00281053', 1)?.[0] ?? 1,
    intercept: find('x00289145', 'x00281052', 1)?.[0] ?? 0,
  }
}

/** How far two directions may be from perpendicular, and from length one. */
const ORIENTATION_TOLERANCE = 1e-3

function orientationOf(cosines: number[] | undefined, path: string): [Triple, Triple] | undefined {
  if (cosines === undefined) return undefined
  const [row, column] = [cosines.slice(0, 3) as Triple, cosines.slice(3) as Triple]
  const dot = (a: Triple, b: Triple) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
  const off = Math.max(Math.abs(dot(row, row) - 1), Math.abs(dot(column, column) - 1), Math.abs(dot(row, column)))
  if (off > ORIENTATION_TOLERANCE) {
    throw new DataError(`ImageOrientationPatient is ${cosines.join(' ')}, which are no two perpendicular directions`, {
      path,
    })
  }
  return [row, column]
}

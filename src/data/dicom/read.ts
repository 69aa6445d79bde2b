import { NotSupportedDataError } from '../errors.js'
import { decodeVolume, storedDtypeBytes, swapBytes, type VolumeHeader } from '../stored-voxels.js'
import type { DicomSource, Volume } from '../volume.js'
import { allocateVoxels, type VoxelType } from '../voxels.js'
import { damaged, readDataSet } from './dataset.js'
import { decompress } from './decompress.js'
import { type DicomFile, isDicom } from './files.js'
import { resampleGaps } from './gaps.js'
import { type DicomFrame, type DicomInstance, parseInstance } from './instance.js'
import { type AcceptableDicomIssue, acceptableDicomIssues, DicomIssueError } from './issues.js'
import { type MaskKind, maskKind } from './mask.js'
import {
  alignBits,
  checkFrame,
  type IntegerArray,
  isCompressed,
  isLittleEndian,
  pixelDtype,
  readFrame,
} from './pixels.js'
import { chooseSeries, splitSeries } from './series.js'
import { type SliceStack, stackSlices } from './stack.js'

export interface ReadDicomOptions {
  /** SeriesInstanceUID of the series to read, where there are several; '#2', ... for parts that the error lists. */
  series?: string
  /** What may be wrong with the series (see `acceptableDicomIssues`). Default nothing. */
  accept?: readonly AcceptableDicomIssue[]
}

export interface DicomHeader extends VolumeHeader {
  source: DicomSource
}

/** A series whose headers have been read and whose geometry has been checked. */
export interface LocatedSeries {
  /** Of the slices as they are stored, gaps not filled. */
  header: DicomHeader
  stack: SliceStack
}

/**
 * Reads the headers of files and finds the one series that is a volume. Files that are not DICOM, or hold no image, are
 * passed over, and so are segmentations and structure sets beside images. Throws a DicomIssueError for what is wrong with
 * the series, a NotSupportedDataError where there are only masks, a DataError for damaged files.
 */
export async function locateSeries(
  files: readonly DicomFile[],
  path: string,
  { series: wanted, accept = [] }: ReadDicomOptions,
): Promise<LocatedSeries> {
  const allowed = new Set(accept)
  const frames: DicomFrame[] = []
  const masks = new Set<MaskKind>()
  for (const file of files) {
    const found = await inspect(file)
    if (typeof found === 'string') masks.add(found)
    else frames.push(...(found?.frames ?? []))
  }
  if (frames.length === 0 && masks.size > 0) {
    throw new NotSupportedDataError(`holds no image but a mask (DICOM ${[...masks].join(' and ')})`, {
      path,
      remedy: 'Read it with readDicomMask onto the grid of its scan',
    })
  }
  const { series, accepted } = chooseSeries(splitSeries(frames), wanted, allowed, path)
  const stack = stackSlices(series.frames, allowed, path)
  checkRescale(stack, allowed, path)
  const all = [...accepted, ...stack.accepted]
  return {
    stack,
    header: headerOf(
      stack,
      path,
      acceptableDicomIssues.filter((issue) => all.includes(issue)),
    ),
  }
}

/** The image in a file, or the kind of mask that it is; undefined for any other file. */
async function inspect(file: DicomFile): Promise<DicomInstance | MaskKind | undefined> {
  await using source = await file.open()
  if (!(await isDicom(source))) return undefined
  const dataSet = await readDataSet(source)
  try {
    return maskKind(dataSet) ?? parseInstance(dataSet, file, source.size)
  } catch (cause) {
    throw damaged(file.name, cause)
  }
}

/** Reads the pixels of a located series into one volume. */
export async function readSeries({ header, stack }: LocatedSeries): Promise<Volume> {
  const { frames } = stack
  const stored = isCompressed(frames[0]!.instance)
    ? await readCompressed(header, frames)
    : await readPlain(header, frames)
  const volume = scaled(header, frames, stored)
  return stack.accepted.includes('gap') ? resampleGaps(volume, stack) : volume
}

function checkRescale(stack: SliceStack, allowed: ReadonlySet<AcceptableDicomIssue>, path: string): void {
  const { slope, intercept } = stack.frames[0]!
  const other = stack.frames.find((frame) => frame.slope !== slope || frame.intercept !== intercept)
  if (other === undefined) return
  if (!allowed.has('mixed-rescale')) {
    const scaling = (frame: DicomFrame) => `x ${frame.slope} + ${frame.intercept}`
    const problem = `slices are scaled differently: ${scaling(stack.frames[0]!)} and ${scaling(other)}`
    throw new DicomIssueError('mixed-rescale', problem, { path })
  }
  stack.accepted.push('mixed-rescale')
}

function headerOf(stack: SliceStack, path: string, accepted: AcceptableDicomIssue[]): DicomHeader {
  const { frames, affine } = stack
  const { instance, slope, intercept } = frames[0]!
  const { rows, columns } = instance
  const dtype = pixelDtype(instance)
  const mixed = accepted.includes('mixed-rescale')
  const shape: VolumeHeader['shape'] = [columns, rows, frames.length]
  const source: DicomSource = {
    path,
    format: 'dicom',
    storedDtype: dtype,
    bigEndian: !isLittleEndian(instance),
    storedShape: [...shape],
    zooms: [instance.frames[0]!.spacingMm![1], instance.frames[0]!.spacingMm![0], instance.sliceStepMm ?? Number.NaN],
    slope: mixed ? 1 : slope,
    intercept: mixed ? 0 : intercept,
    description: instance.description,
    modality: instance.modality,
    studyInstanceUid: instance.studyUid,
    seriesInstanceUid: instance.seriesUid,
    frameOfReferenceUid: instance.frameOfReference,
    seriesDescription: instance.description,
    files: frames.map((frame) => frame.instance.file.name),
    accepted,
  }
  return {
    shape,
    affine,
    source,
    layout: {
      dtype,
      littleEndian: true,
      slope: mixed ? 1 : slope,
      intercept: mixed ? 0 : intercept,
      strides: [1, columns, columns * rows],
      volumes: 1,
      volumeStride: columns * rows * frames.length,
    },
  }
}

/** Bytes go straight from the files into the memory of the volume. */
async function readPlain(header: DicomHeader, frames: readonly DicomFrame[]): Promise<IntegerArray> {
  const sliceBytes = header.shape[0] * header.shape[1] * storedDtypeBytes[header.layout.dtype]
  for (const frame of frames) checkFrame(frame, sliceBytes)
  const stored = allocateStored(header)
  const bytes = new Uint8Array(stored.buffer)
  for (const [n, frame] of frames.entries()) {
    await readFrame(frame, bytes.subarray(n * sliceBytes, (n + 1) * sliceBytes))
  }
  if (!isLittleEndian(frames[0]!.instance)) swapBytes(bytes, stored.BYTES_PER_ELEMENT)
  const pixels = stored.length / frames.length
  for (const [n, { instance }] of frames.entries()) alignBits(stored.subarray(n * pixels, (n + 1) * pixels), instance)
  return stored
}

/** The decoder gives values whose bits are in their places. */
async function readCompressed(header: DicomHeader, frames: readonly DicomFrame[]): Promise<IntegerArray> {
  let stored: IntegerArray | undefined
  let at = 0
  for await (const values of decompress(frames)) {
    // Not before: a small file may say that it holds a huge image.
    stored ??= allocateStored(header)
    stored.set(values, at)
    at += values.length
  }
  return stored!
}

function allocateStored({ layout, shape }: DicomHeader): IntegerArray {
  return allocateVoxels(layout.dtype as VoxelType, shape[0] * shape[1] * shape[2]) as IntegerArray
}

function scaled(header: DicomHeader, frames: readonly DicomFrame[], stored: IntegerArray): Volume {
  const volume = decodeVolume(header, 0, new Uint8Array(stored.buffer))
  if (!header.source.accepted.includes('mixed-rescale')) return volume
  const data = allocateVoxels('float32', stored.length)
  const pixels = stored.length / frames.length
  for (const [n, { slope, intercept }] of frames.entries()) {
    for (let at = n * pixels; at < (n + 1) * pixels; at++) data[at] = stored[at]! * slope + intercept
  }
  return { ...volume, data }
}

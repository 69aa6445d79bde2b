import { stat } from 'node:fs/promises'
import { type NamedBytes, openBytes, readPrefix } from '../byte-source.js'
import { DataError } from '../errors.js'
import { fileError } from '../files.js'
import { cOrderStrides, countVoxels, type Volume } from '../volume.js'
import { detectFormat } from '../volume-format.js'
import { allocateVoxels } from '../voxels.js'
import { type DataSet, damaged, readDataSet, text } from './dataset.js'
import { type DicomFile, fileAt, fileInMemory, filesOfFolder, filesOfZip, isDicom } from './files.js'
import { labelPainter, type MaskGrid, type MaskSegment, type Overlap } from './mask-target.js'
import { paintSegmentation, segmentsOf } from './segmentation.js'
import { paintStructures, structuresOf } from './structure-set.js'

export interface DicomMaskOptions {
  /** Which segments, by name or number as in the file. Default all. */
  segments?: readonly (string | number)[]
  /**
   * What to do with a voxel that belongs to two of them: 'refuse' (default) throws, 'later' gives it to the one that
   * comes later in the file.
   */
  overlap?: Overlap
  /** The part of a voxel from which on it belongs to a segment of a fractional SEG. Default 0.5. */
  fraction?: number
}

export interface DicomMask {
  /** Labels on the grid of the scan, 0 outside, C-ordered: uint8, or uint16 of more than 255 segments. */
  volume: Volume
  /** Those that were taken. */
  segments: MaskSegment[]
}

export type MaskKind = 'SEG' | 'RTSTRUCT'

const classes: Record<string, MaskKind> = {
  '1.2.840.10008.5.1.4.1.1.66.4': 'SEG',
  '1.2.840.10008.5.1.4.1.1.481.3': 'RTSTRUCT',
}

/** The kind of mask that a DICOM object is; undefined for any other. */
export function maskKind(dataSet: DataSet): MaskKind | undefined {
  return classes[text(dataSet, 'x00080016')]
}

/** Whether a file is a DICOM mask, or a folder or a zip archive holds one. */
export async function isDicomMask(input: string | NamedBytes): Promise<boolean> {
  return await withFiles(input, async (files) => (await masksIn(files)).length > 0)
}

/**
 * Reads a DICOM segmentation (SEG, binary or fractional) or structure set (RTSTRUCT) as labels on the grid of the scan
 * that it was drawn on. `input` is a file, a folder or a zip archive that holds one such file, or bytes. A SEG on another
 * grid is brought over by nearest neighbour; a voxel belongs to a structure when its centre is inside an odd number of its contours,
 * which must lie in slices of the scan. Points and open contours are no structures.
 *
 * Throws a DataError for damaged files, overlapping segments, names that are not there, and masks of another scan; a
 * NotSupportedDataError for compressed pixels.
 */
export async function readDicomMask(
  input: string | NamedBytes,
  scan: MaskGrid,
  options: DicomMaskOptions = {},
): Promise<DicomMask> {
  const name = typeof input === 'string' ? input : input.name
  return await withFiles(input, async (files) => await readMaskOf(files, name, scan, options))
}

async function readMaskOf(
  files: readonly DicomFile[],
  name: string,
  scan: MaskGrid,
  options: DicomMaskOptions,
): Promise<DicomMask> {
  const found = await masksIn(files)
  if (found.length !== 1) {
    throw new DataError(`holds ${found.length} DICOM segmentations or structure sets instead of one`, {
      path: name,
      ...(found.length > 1 ? { remedy: `Name one: ${found.map(({ file }) => file.name).join(', ')}` } : {}),
    })
  }
  const { file, dataSet, kind } = found[0]!
  try {
    const all = kind === 'SEG' ? segmentsOf(dataSet, file.name) : structuresOf(dataSet, file.name)
    const segments = chosen(all, options.segments, file.name)
    const data = allocateVoxels(all.length > 255 ? 'uint16' : 'uint8', countVoxels(scan.shape))
    const painter = labelPainter(data, segments, options.overlap ?? 'refuse', file.name)
    if (kind === 'SEG') await paintSegmentation({ dataSet, file, scan, painter, fraction: options.fraction ?? 0.5 })
    else paintStructures({ dataSet, path: file.name, scan, painter })
    const volume: Volume = {
      data,
      shape: [...scan.shape],
      strides: cOrderStrides(scan.shape),
      offset: 0,
      affine: [...scan.affine],
    }
    return { volume, segments }
  } catch (cause) {
    throw damaged(file.name, cause)
  }
}

interface FoundMask {
  file: DicomFile
  dataSet: DataSet
  kind: MaskKind
}

async function masksIn(files: readonly DicomFile[]): Promise<FoundMask[]> {
  const found: FoundMask[] = []
  for (const file of files) {
    await using source = await file.open()
    if (!(await isDicom(source))) continue
    const dataSet = await readDataSet(source)
    const kind = maskKind(dataSet)
    if (kind !== undefined) found.push({ file, dataSet, kind })
  }
  return found
}

/** Hands over the files of an input. Those of an archive can be opened only as long as `use` lasts. */
async function withFiles<T>(input: string | NamedBytes, use: (files: readonly DicomFile[]) => Promise<T>): Promise<T> {
  if (typeof input === 'string') {
    const stats = await stat(input).catch((cause) => {
      throw fileError('read', input, cause)
    })
    if (stats.isDirectory()) return await use(await filesOfFolder(input))
  }
  await using source = await openBytes(input)
  if (detectFormat(await readPrefix(source, 4)) === 'zip') return await use(await filesOfZip(source))
  return await use([typeof input === 'string' ? fileAt(input) : fileInMemory(input)])
}

function chosen(all: MaskSegment[], wanted: DicomMaskOptions['segments'], path: string): MaskSegment[] {
  if (wanted === undefined) return all
  return wanted.map((key) => {
    const matches = all.filter(({ name, number }) => key === name || key === number)
    if (matches.length === 1) return matches[0]!
    const there = all.map(({ number, name }) => `${number} '${name}'`).join(', ')
    throw new DataError(`${matches.length === 0 ? 'no' : 'more than one'} segment is called ${key}`, {
      path,
      remedy: `There are: ${there}`,
    })
  })
}

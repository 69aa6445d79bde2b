import { stat } from 'node:fs/promises'
import { type ByteSource, type NamedBytes, openBytes, readPrefix } from './byte-source.js'
import { fileAt, fileInMemory, filesOfFolder, filesOfZip } from './dicom/files.js'
import { type LocatedSeries, locateSeries, type ReadDicomOptions, readSeries } from './dicom/read.js'
import { DataError } from './errors.js'
import { fileError } from './files.js'
import type { Affine, Triple } from './geometry.js'
import { inflatePrefix, isGzip } from './inflate.js'
import { locateMetaImage } from './metaimage/read.js'
import { locateNifti, niftiHeaderPath } from './nifti.js'
import { locateNrrd } from './nrrd/read.js'
import { axisCodes } from './orientation.js'
import type { VolumeHeader } from './stored-voxels.js'
import { spacingMm, type Volume, type VolumeSource } from './volume.js'
import { type LocatedHeader, readVoxels } from './volume-file.js'
import { detectFormat, FORMAT_PREFIX_BYTES } from './volume-format.js'
import type { WorldFrame } from './world-frames.js'

export interface ReadVolumeOptions extends ReadDicomOptions {
  /** Which volume of a file with several (time points, components), from 0. Not needed when there is only one. */
  index?: number
  /** The world frame of an NRRD file that states none. */
  space?: WorldFrame
}

/** What a file says about its volumes, without their voxels. */
export interface VolumeInfo {
  path: string
  format: VolumeSource['format']
  /** Of one volume. */
  shape: Triple
  spacingMm: Triple
  /** Three letters: toward which side of the patient each array axis runs. */
  orientation: string
  affine: Affine
  /** Volumes on this grid in the file. */
  volumes: number
  storedDtype: string
  source: VolumeSource
}

/**
 * Reads a volume, whatever it is stored as: NIfTI-1/2 (`.nii`, `.nii.gz`, `.hdr`/`.img`), NRRD (`.nrrd`, `.nhdr`),
 * MetaImage (`.mha`, `.mhd`), or DICOM (a file, a folder, a zip archive). The format is told by the content, not by the
 * name. Only the wanted volume is held in memory. `input` is a path, or bytes with the name they should have in
 * messages.
 *
 * Throws a DataError that names the file, the problem and the way out; a DicomIssueError for a DICOM series that is no
 * plain volume; a NotSupportedDataError for what this package does not read.
 */
export async function readVolume(input: string | NamedBytes, options: ReadVolumeOptions = {}): Promise<Volume> {
  return await withLocated(input, options, {
    file: async (source, located) => await readVoxels(source, located, options.index),
    series: readSeries,
  })
}

/** Reads headers only: of a gigabyte no more than the first pages. Options and errors as of `readVolume`. */
export async function readVolumeInfo(input: string | NamedBytes, options: ReadVolumeOptions = {}): Promise<VolumeInfo> {
  return await withLocated(input, options, {
    file: async (_, { header }) => infoOf(header, header.shape),
    series: async ({ header, stack }) => infoOf(header, [header.shape[0], header.shape[1], stack.depth]),
  })
}

function infoOf({ source, affine, layout }: VolumeHeader, shape: Triple): VolumeInfo {
  return {
    path: source.path,
    format: source.format,
    shape,
    spacingMm: spacingMm({ affine }),
    orientation: axisCodes(affine, source.path),
    affine,
    volumes: layout.volumes,
    storedDtype: source.storedDtype,
    source,
  }
}

/** What to do with a volume in a file, and with one in a DICOM series. */
export interface Uses<T> {
  file(source: ByteSource, located: LocatedHeader): Promise<T>
  series(located: LocatedSeries): Promise<T>
}

/** Finds out what an input is, and hands it to the use that fits. Errors as of `readVolume`. */
export async function withLocated<T>(
  input: string | NamedBytes,
  options: ReadVolumeOptions,
  uses: Uses<T>,
): Promise<T> {
  if (typeof input === 'string' && (await isFolder(input))) {
    return await uses.series(await locateSeries(await filesOfFolder(input), input, options))
  }
  const inMemory = typeof input !== 'string'
  const path = inMemory ? input.name : input
  // The file that begins with the header: of a NIfTI pair the .hdr file, whichever was named.
  await using source = await openBytes(inMemory ? input : niftiHeaderPath(input))
  const prefix = await readPrefix(source, FORMAT_PREFIX_BYTES)
  const packed = isGzip(prefix)
  const format = detectFormat(packed ? inflatePrefix(prefix, path) : prefix)
  if (format === 'nifti') return await uses.file(source, await locateNifti(source, path))
  if (packed) {
    throw new DataError('is gzipped, and what is inside does not begin like a NIfTI file', {
      path,
      remedy: 'Unpack it first',
    })
  }
  switch (format) {
    case 'nrrd':
      return await uses.file(source, await locateNrrd(source, { inMemory, space: options.space }))
    case 'metaimage':
      return await uses.file(source, await locateMetaImage(source, { inMemory }))
    case 'dicom': {
      const file = inMemory ? fileInMemory(input) : fileAt(input)
      return await uses.series(await locateSeries([file], path, options))
    }
    case 'zip':
      return await uses.series(await locateSeries(await filesOfZip(source), path, options))
    case undefined:
      throw new DataError('is not a volume in a known format', {
        path,
        remedy: 'Read are NIfTI, NRRD, MetaImage and DICOM',
      })
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (cause) {
    // Of a NIfTI pair the named file may be missing and its header there.
    if (niftiHeaderPath(path) !== path) return false
    throw fileError('read', path, cause)
  }
}

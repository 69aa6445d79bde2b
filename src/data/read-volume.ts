import { type ByteSource, type NamedBytes, openBytes, readPrefix } from './byte-source.js'
import { DataError } from './errors.js'
import type { Affine, Triple } from './geometry.js'
import { inflatePrefix, isGzip } from './inflate.js'
import { locateMetaImage } from './metaimage/read.js'
import { locateNifti, niftiHeaderPath } from './nifti.js'
import { locateNrrd } from './nrrd/read.js'
import { axisCodes } from './orientation.js'
import { spacingMm, type Volume, type VolumeSource } from './volume.js'
import { type LocatedHeader, readVoxels } from './volume-file.js'
import { detectFormat, FORMAT_PREFIX_BYTES } from './volume-format.js'
import type { WorldFrame } from './world-frames.js'

export interface ReadVolumeOptions {
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
 * Reads a volume, whatever it is stored as: NIfTI-1/2 (`.nii`, `.nii.gz`, `.hdr`/`.img`), NRRD (`.nrrd`, `.nhdr`) or
 * MetaImage (`.mha`, `.mhd`). The format is told by the content of the file, not by its name. Only the wanted volume is
 * held in memory. `input` is a path, or bytes with the name they should have in messages.
 *
 * Throws a DataError that names the file, the problem and the way out.
 */
export async function readVolume(input: string | NamedBytes, options: ReadVolumeOptions = {}): Promise<Volume> {
  await using source = await openHeader(input)
  return await readVoxels(source, await locate(source, nameOf(input), options), options.index)
}

/** Reads the header only: of a gigabyte no more than the first pages. Options and errors as of `readVolume`. */
export async function readVolumeInfo(input: string | NamedBytes, options: ReadVolumeOptions = {}): Promise<VolumeInfo> {
  await using source = await openHeader(input)
  const { header } = await locate(source, nameOf(input), options)
  return {
    path: header.source.path,
    format: header.source.format,
    shape: header.shape,
    spacingMm: spacingMm(header),
    orientation: axisCodes(header.affine),
    affine: header.affine,
    volumes: header.layout.volumes,
    storedDtype: header.source.storedDtype,
    source: header.source,
  }
}

const nameOf = (input: string | NamedBytes): string => (typeof input === 'string' ? input : input.name)

/** The file that begins with the header: of a NIfTI pair the .hdr file, whichever was named. */
async function openHeader(input: string | NamedBytes): Promise<ByteSource> {
  return await openBytes(typeof input === 'string' ? niftiHeaderPath(input) : input)
}

async function locate(source: ByteSource, path: string, { space }: ReadVolumeOptions): Promise<LocatedHeader> {
  const prefix = await readPrefix(source, FORMAT_PREFIX_BYTES)
  const packed = isGzip(prefix)
  const format = detectFormat(packed ? inflatePrefix(prefix, path) : prefix)
  if (format === 'nifti') return await locateNifti(source, path)
  if (packed) {
    throw new DataError('is gzipped, and what is inside does not begin like a NIfTI file', {
      path,
      remedy: 'Unpack it first',
    })
  }
  if (format === 'nrrd') return await locateNrrd(source, space)
  if (format === 'metaimage') return await locateMetaImage(source)
  throw new DataError('is not a volume in a known format', {
    path,
    remedy: 'Read are NIfTI, NRRD and MetaImage',
  })
}

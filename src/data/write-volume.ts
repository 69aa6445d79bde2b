import { DataError } from './errors.js'
import { writeMetaImage } from './metaimage/write.js'
import { writeNifti } from './nifti-write.js'
import { writeNrrd } from './nrrd/write.js'
import type { Volume } from './volume.js'

/**
 * Writes a volume in the format that the name asks for: `.nii`, `.nii.gz`, `.nrrd` or `.mha` (see `writeNifti`,
 * `writeNrrd`, `writeMetaImage`). Throws a DataError for any other name and when the file cannot be written.
 */
export async function writeVolume(path: string, volume: Volume): Promise<void> {
  if (/\.nii(\.gz)?$/i.test(path)) return await writeNifti(path, volume)
  if (/\.nrrd$/i.test(path)) return await writeNrrd(path, volume)
  if (/\.mha$/i.test(path)) return await writeMetaImage(path, volume)
  throw new DataError('the name asks for no known format', { path, remedy: 'End it with .nii, .nii.gz, .nrrd or .mha' })
}

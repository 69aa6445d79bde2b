/** Kinds of files that hold volumes, told apart by their first bytes. */
export type VolumeFormat = 'nifti' | 'nrrd' | 'metaimage' | 'dicom' | 'zip'

/** Enough of a file to tell its format. */
export const FORMAT_PREFIX_BYTES = 1024

const text = (bytes: Uint8Array, start: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(start, start + length))

/** The format of a file by its first bytes, unpacked if they are gzipped; undefined for any other file. */
export function detectFormat(prefix: Uint8Array): VolumeFormat | undefined {
  if (text(prefix, 0, 4) === 'PK\x03\x04') return 'zip'
  if (text(prefix, 128, 4) === 'DICM') return 'dicom'
  if (text(prefix, 0, 7) === 'NRRD000') return 'nrrd'
  if (isNifti(prefix)) return 'nifti'
  if (/^\s*(ObjectType|NDims|Comment|ObjectSubType|TransformType)\s*=/.test(text(prefix, 0, 256))) return 'metaimage'
  return undefined
}

/** The length of the header comes first, in one byte order or the other, and the magic string is in its place. */
function isNifti(prefix: Uint8Array): boolean {
  if (prefix.length < 348) return false
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength)
  const lengths = [view.getInt32(0, true), view.getInt32(0, false)]
  // The name alone decides over a damaged magic string, so that its message comes from the reader of the format.
  return lengths.includes(348) || lengths.includes(540)
}

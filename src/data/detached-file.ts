import { dirname, join, normalize, sep } from 'node:path'
import { DataError, NotSupportedDataError } from './errors.js'

/**
 * The path of the file that a header names as holder of its voxels. Only files in the header's folder and below are
 * accepted, and none for a header in memory: a header from elsewhere must not choose which files of this machine are
 * read.
 */
export function detachedFile(headerPath: string, name: string, inMemory: boolean): string {
  if (inMemory) {
    throw new DataError(`the voxels are said to be in another file, '${printable(name)}'`, {
      path: headerPath,
      remedy: 'Read both from a folder, or save the image as one file',
    })
  }
  if (/^LIST\b/i.test(name) || /%\d*d/.test(name)) {
    throw new NotSupportedDataError('the voxels are spread over a list of files, which is not read', {
      path: headerPath,
      remedy: 'Save the image as one file with the tool that wrote it',
    })
  }
  const relative = normalize(name)
  if (relative.startsWith('..') || relative.startsWith(sep) || /^[a-z]:/i.test(relative) || name.includes('\0')) {
    throw new DataError(`the voxels are said to be in '${printable(name)}', outside the folder of the header`, {
      path: headerPath,
      remedy: 'Move both files into one folder and correct the name in the header',
    })
  }
  return join(dirname(headerPath), relative)
}

/** A name as messages may show it. */
const printable = (name: string): string => name.slice(0, 200).replace(/\p{Cc}/gu, '?')

import { dirname, join, normalize, sep } from 'node:path'
import { DataError, NotSupportedDataError } from './errors.js'

/**
 * The path of the file that a header names as holder of its voxels. Only files in the header's folder and below are
 * accepted: a header from elsewhere must not choose which files of this machine are read.
 */
export function detachedFile(headerPath: string, name: string): string {
  if (/^LIST\b/i.test(name) || /%\d*d/.test(name)) {
    throw new NotSupportedDataError('the voxels are spread over a list of files, which is not read', {
      path: headerPath,
      remedy: 'Save the image as one file with the tool that wrote it',
    })
  }
  const relative = normalize(name)
  if (relative.startsWith('..') || relative.startsWith(sep) || /^[a-z]:/i.test(relative)) {
    throw new DataError(`the voxels are said to be in '${name.slice(0, 200)}', outside the folder of the header`, {
      path: headerPath,
      remedy: 'Move both files into one folder and correct the name in the header',
    })
  }
  return join(dirname(headerPath), relative)
}

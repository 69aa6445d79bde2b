import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileError } from '../../files.js'

/** Makes a folder and those above it. Throws a DataError when the file system refuses. */
export async function ensureFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((cause) => {
    throw fileError('write', folder, cause)
  })
}

/** Makes the folder that a file goes into. */
export const ensureFolderOf = (path: string): Promise<void> => ensureFolder(dirname(path))

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type ByteSource, type NamedBytes, openBytes, readPrefix } from '../byte-source.js'
import { DataError } from '../errors.js'
import { fileError } from '../files.js'
import { ZipArchive } from '../zip/archive.js'

/** A file that may be DICOM, wherever it lies. */
export interface DicomFile {
  name: string
  /** The path on disk, where it has one. */
  path?: string
  open(): Promise<ByteSource>
}

/** Past any study. */
const MOST_FILES = 100_000

/** All files of a folder and the folders in it, by name. Throws a DataError when there are too many. */
export async function filesOfFolder(folder: string): Promise<DicomFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause) => {
    throw fileError('read', folder, cause)
  })
  if (entries.length > MOST_FILES) {
    throw new DataError(`holds more than ${MOST_FILES} files`, { path: folder, remedy: 'Name the folder of one study' })
  }
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map(fileAt)
}

export function fileAt(path: string): DicomFile {
  return { name: path, path, open: () => openBytes(path) }
}

export function fileInMemory(input: NamedBytes): DicomFile {
  return { name: input.name, open: () => openBytes(input) }
}

/** All files of a zip archive, unpacked one at a time when they are opened. */
export async function filesOfZip(source: ByteSource): Promise<DicomFile[]> {
  const archive = await ZipArchive.open(source)
  const names = [...archive.entries.keys()].filter((name) => !name.endsWith('/')).sort()
  return names.map((entry) => {
    const name = `${source.name}/${entry}`
    return { name, open: async () => await openBytes({ name, bytes: await archive.read(entry) }) }
  })
}

/** Whether a file says that it is DICOM. */
export async function isDicom(source: ByteSource): Promise<boolean> {
  const prefix = await readPrefix(source, 132)
  return String.fromCharCode(...prefix.subarray(128)) === 'DICM'
}

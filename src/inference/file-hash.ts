/** What a file or a DICOM folder holds, as one number that another machine gets as well. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError } from '../data/index.js'

/**
 * SHA-256 in hex: of a file's bytes, or of the names and hashes of all files below a folder. Throws a DataError for what
 * cannot be read.
 */
export async function hashPath(path: string): Promise<string> {
  try {
    return (await stat(path)).isDirectory() ? await hashFolder(path) : await hashFile(path)
  } catch (cause) {
    if (cause instanceof DataError) throw cause
    throw new DataError(`cannot read the file: ${cause instanceof Error ? cause.message : cause}`, { path, cause })
  }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer)
  return hash.digest('hex')
}

async function hashFolder(folder: string): Promise<string> {
  const hash = createHash('sha256')
  const entries = await readdir(folder, { withFileTypes: true })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() || entry.isFile()) hash.update(`${entry.name}\0${await hashPath(path)}\n`)
  }
  return hash.digest('hex')
}

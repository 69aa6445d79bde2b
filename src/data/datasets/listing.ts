import { readdir, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { fileError } from '../files.js'

/** Paths of all files below a folder, relative to it and with slashes, sorted. Empty when there is no such folder. */
export async function listFiles(folder: string): Promise<string[]> {
  if (!(await isFolder(folder))) return []
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const paths = entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    return paths.map((path) => path.split(sep).join('/')).sort()
  } catch (cause) {
    throw fileError('read', folder, cause)
  }
}

export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}

export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false
}

/** The first of the paths that is a file. */
export async function firstFile(...paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await isFile(path)) return path
  return undefined
}

/**
 * The cache of Python's `huggingface_hub`, shared with it: `models--OWNER--NAME/` with `refs/REVISION` (a commit),
 * `blobs/ETAG` (contents) and `snapshots/COMMIT/FILE` (links to contents).
 */
import { randomUUID } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileError, writeFileAtomically } from '../files.js'
import { HubError } from './errors.js'

export const commitPattern = /^[0-9a-f]{40}$/

/** The cache of one repository. Every name is checked, for names come from elsewhere and become paths. */
export class HubCache {
  readonly folder: string

  constructor(cacheFolder: string, repo: string) {
    if (!/^[\w.-]+(\/[\w.-]+)?$/.test(repo) || repo.includes('..')) {
      throw new HubError('not-found', `'${repo}' is no name of a repository`, { remedy: 'It has the form OWNER/NAME' })
    }
    this.folder = join(cacheFolder, `models--${repo.replaceAll('/', '--')}`)
  }

  blob(etag: string): string {
    return join(this.folder, 'blobs', etag)
  }

  snapshot(commit: string, file = ''): string {
    return join(this.folder, 'snapshots', commit, ...file.split('/'))
  }

  /** The commit that a branch or tag had when it was last looked up. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (commitPattern.test(revision)) return revision
    const text = await readFile(join(this.folder, 'refs', ...checkedPath(revision)), 'utf8').catch(() => '')
    return commitPattern.test(text.trim()) ? text.trim() : undefined
  }

  async remember(revision: string, commit: string): Promise<void> {
    if (revision === commit) return
    const path = join(this.folder, 'refs', ...checkedPath(revision))
    await inFolder(path, () => writeFileAtomically(path, [new TextEncoder().encode(commit)]))
  }

  /** Whether the contents of a file of a commit are there. */
  async has(commit: string, file: string): Promise<boolean> {
    return (await sizeOf(this.snapshot(commit, file))) !== undefined
  }

  /** The files of a commit that are there. */
  async files(commit: string): Promise<string[]> {
    const root = this.snapshot(commit)
    const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])
    const paths = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))
    return paths.map((path) => relative(root, path).split('\\').join('/')).sort()
  }

  /** Makes a file of a commit point to its contents. */
  async link(commit: string, file: string, etag: string): Promise<void> {
    checkedPath(file)
    const path = this.snapshot(commit, file)
    const blob = this.blob(etag)
    const temporary = `${path}.${randomUUID()}.tmp`
    await inFolder(path, async () => {
      // Where links are not allowed (Windows without developer mode), the contents are there twice.
      await symlink(relative(dirname(path), blob), temporary).catch(() => copyFile(blob, temporary))
      await rename(temporary, path).catch(async (cause: unknown) => {
        await rm(temporary, { force: true })
        throw cause
      })
    })
  }
}

/** The parts of a path inside a repository. Throws a HubError for one that would lead elsewhere. */
export function checkedPath(path: string): string[] {
  const parts = path.split('/')
  if (parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\:\0]/.test(part))) return parts
  throw new HubError('protocol', `${JSON.stringify(path)} is no path inside a repository`)
}

/** The size of a file, through links, or undefined when there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() ? found.size : undefined
}

/** Makes the folder of a path, and turns what the file system refuses into a DataError. */
export async function inFolder<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    await mkdir(dirname(path), { recursive: true })
    return await write()
  } catch (cause) {
    throw fileError('write', path, cause)
  }
}

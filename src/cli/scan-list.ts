/** The scans that files, patterns and folders stand for. */
import { open, readdir, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { DataError } from '../data/index.js'

const wildcard = /[*?[]/

const scanFile = /\.(nii|nii\.gz|hdr|nrrd|nhdr|mha|mhd)$/i

/** Names of DICOM slices, which often have no ending or one that is a number; whether they are, their contents say. */
const sliceFile = /(\.dcm|\.ima|^[^.]+|\.\d+)$/i

/**
 * Scans in the order of the arguments, each once; within a folder or pattern by name. A file is a scan. In a folder all
 * NIfTI, NRRD and MetaImage files below it are scans, and so is each folder with DICOM slices. In patterns `*` and `?`
 * stand for letters of a name, `[ab]` for one of some, `**` for any folders. Throws a DataError for patterns that match
 * nothing and for folders without scans.
 */
export async function listScans(inputs: readonly string[]): Promise<string[]> {
  const scans = new Set<string>()
  for (const input of inputs) for (const scan of await scansOf(input)) scans.add(scan)
  return [...scans]
}

async function scansOf(input: string): Promise<string[]> {
  const found = await stat(input).catch(() => undefined)
  if (found?.isDirectory()) {
    const scans = await scansBelow(input)
    if (scans.length === 0) throw new DataError('holds no scans', { path: input })
    return scans
  }
  if (found || !wildcard.test(input)) return [input]
  const matches = await matching(input)
  if (matches.length === 0) throw new DataError('matches no file', { path: input })
  return matches
}

async function scansBelow(folder: string): Promise<string[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name)
  const own = files.filter((name) => scanFile.test(name)).map((name) => join(folder, name))
  const slices = own.length > 0 ? [] : files.filter((name) => sliceFile.test(name))
  const below: string[] = (await holdsDicom(folder, slices)) ? [folder] : own
  for (const entry of entries) if (entry.isDirectory()) below.push(...(await scansBelow(join(folder, entry.name))))
  return below
}

async function holdsDicom(folder: string, names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    const file = await open(join(folder, name)).catch(() => undefined)
    if (!file) continue
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 128)
      if (bytesRead === 4 && buffer.toString('latin1') === 'DICM') return true
    } finally {
      await file.close()
    }
  }
  return false
}

/** Paths that fit a pattern. Only the folder before the first wildcard is searched. */
async function matching(pattern: string): Promise<string[]> {
  const parts = pattern.split('/')
  const first = parts.findIndex((part) => wildcard.test(part))
  const base = parts.slice(0, first).join('/')
  const root = base === '' && pattern.startsWith('/') ? '/' : base
  const entries = await readdir(root || '.', { recursive: true }).catch((cause: unknown) => {
    throw new DataError('matches no file', { path: pattern, cause })
  })
  const wanted = patternOf(parts.slice(first).join('/'))
  return entries
    .map((entry) => entry.split(sep).join('/'))
    .filter((entry) => wanted.test(entry))
    .sort()
    .map((entry) => (root === '' ? entry : join(root, entry)))
}

function patternOf(text: string): RegExp {
  const source = text.replace(/\*\*\/|\*\*|\*|\?|\[[^\]/]+\]|[\\^$.|+()[\]{}]/g, (token) => {
    switch (token) {
      case '**/':
        return '(?:.*/)?'
      case '**':
        return '.*'
      case '*':
        return '[^/]*'
      case '?':
        return '[^/]'
      default:
        return token.length > 1 ? token.replace(/^\[!/, '[^') : `\\${token}`
    }
  })
  return new RegExp(`^${source}$`, 's')
}

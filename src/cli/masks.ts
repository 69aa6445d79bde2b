/** Which label map belongs to which scan. */
import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DataError } from '../data/index.js'

/** Paths of a scan and of its mask. */
export interface MaskPair {
  readonly scan: string
  readonly mask: string
}

const ending = /\.(nii|nii\.gz|nrrd|nhdr|mha|mhd|zip)$/i

/** The name of a scan without its folder and its ending. */
const stemOf = (path: string): string => basename(path).replace(ending, '')

/**
 * Scans with their masks. `mask` is a file for a single scan, or a folder, below which the mask of `a/scan.nii.gz` is the
 * file `scan` with any ending. Throws a DataError for a file beside several scans, and for names that two files or two
 * scans have. A scan without a mask gets the path where it was looked for, so that it fails alone.
 */
export async function pairMasks(scans: readonly string[], mask: string): Promise<MaskPair[]> {
  const found = await stat(mask).catch((cause: unknown) => {
    throw new DataError('there is no such mask', { path: mask, cause })
  })
  if (!found.isDirectory()) {
    if (scans.length === 1) return [{ scan: scans[0]!, mask }]
    throw new DataError(`is one mask, and there are ${scans.length} scans`, {
      path: mask,
      remedy: 'Give a folder with a mask of the same name for each scan',
    })
  }
  const masks = await masksBelow(mask)
  const owners = new Map<string, string>()
  return scans.map((scan) => {
    const stem = stemOf(scan)
    const other = owners.get(stem)
    if (other !== undefined) {
      throw new DataError(`two scans have the name '${stem}', so that their masks cannot be told apart`, {
        path: scan,
        remedy: `The other is ${other}. Score them one by one`,
      })
    }
    owners.set(stem, scan)
    return { scan, mask: masks.get(stem) ?? join(mask, basename(scan)) }
  })
}

async function masksBelow(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const masks = new Map<string, string>()
  for (const entry of entries) {
    if (entry.isDirectory() || !ending.test(entry.name)) continue
    const path = join(entry.parentPath, entry.name)
    const other = masks.get(stemOf(path))
    if (other !== undefined) {
      throw new DataError('has the name of another mask', { path, remedy: `The other is ${other}. Keep one of them` })
    }
    masks.set(stemOf(path), path)
  }
  return masks
}

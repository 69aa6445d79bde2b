/** Phantoms that are made once and kept in files: drawing one takes longer than a small model's step with it. */
import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { readFileBytes, writeFileAtomically } from '../../data/files.js'
import { type PhantomStudy, type PhantomStudyOptions, phantomStudy } from '../../data/phantom/index.js'

/** The phantom of a seed: from `folder` if it is there, else made and put there. Without a folder it is made every time. */
export async function keptPhantom(
  seed: number,
  options: PhantomStudyOptions,
  folder: string | undefined,
): Promise<PhantomStudy> {
  if (folder === undefined) return phantomStudy(seed, options)
  const shelf = join(folder, shelfOf(options))
  const path = join(shelf, `${seed}.phantom`)
  const kept = await readFileBytes(path)
    .then(deserialize)
    .catch(() => undefined)
  if (kept) return kept as PhantomStudy
  const study = phantomStudy(seed, options)
  await mkdir(shelf, { recursive: true })
  await writeFileAtomically(path, [serialize(study)])
  return study
}

const shelves = new Map<string, string>()

/** A name for what decides how phantoms look: the options, and the generator, known by a small phantom it makes. */
function shelfOf(options: PhantomStudyOptions): string {
  const given = JSON.stringify(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)))
  const known = shelves.get(given)
  if (known !== undefined) return known
  const sample = serialize(phantomStudy(0, { ...options, shape: [24, 18, 24] }))
  const shelf = createHash('sha256').update(given).update(sample).digest('hex').slice(0, 16)
  shelves.set(given, shelf)
  return shelf
}

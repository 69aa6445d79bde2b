import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { firstFile } from '../../datasets/listing.js'
import { DataError } from '../../errors.js'
import type { Triple } from '../../geometry.js'
import { readJson, writeTextAtomically } from '../../text/text-file.js'
import { type PhantomSplit, phantomSeeds } from '../splits.js'
import { phantomCase, phantomGrid, phantomStudy } from '../study.js'
import { ctRateLayout } from './ct-rate.js'
import { ensureFolder, ensureFolderOf } from './folders.js'
import { fvlmLayout } from './fvlm.js'
import { jsonText, type PhantomEntry, type PhantomLayout } from './layout.js'
import { m3dCapLayout } from './m3d-cap.js'

const layouts = { 'ct-rate': ctRateLayout, 'm3d-cap': m3dCapLayout, fvlm: fvlmLayout } as const

export type PhantomLayoutName = keyof typeof layouts

export const phantomLayouts = Object.keys(layouts) as readonly PhantomLayoutName[]

export interface WritePhantomsOptions {
  readonly layout: PhantomLayoutName
  readonly folder: string
  readonly split: PhantomSplit
  readonly count: number
  /** Which phantom of the split is the first, from 0. Default 0. */
  readonly first?: number
  /** As `phantomStudy` takes them. */
  readonly shape?: Readonly<Triple>
  readonly spacingMm?: Readonly<Triple>
  readonly difficulty?: number
  readonly onProgress?: (done: number, total: number, name: string) => void
  readonly signal?: AbortSignal
}

/** What a folder of phantoms holds, so that going on with it gives what one run would have given. */
const recordSchema = z.strictObject({
  layout: z.enum(phantomLayouts as [PhantomLayoutName, ...PhantomLayoutName[]]),
  shape: z.array(z.number()).nullable(),
  spacingMm: z.array(z.number()).nullable(),
  difficulty: z.number().nullable(),
  splits: z.partialRecord(
    z.enum(['train', 'validation', 'test']),
    z.strictObject({ first: z.number(), count: z.number() }),
  ),
})

type FolderRecord = z.infer<typeof recordSchema>

const RECORD = 'phantoms.json'

/**
 * Writes phantoms of a split into a folder, which may hold other splits already. Phantoms that are there are not made again, so
 * that an interrupted run goes on where it was, and a larger count adds to what is there; files appear only when complete. The
 * tables are written last, of all phantoms of the folder.
 *
 * Throws a DataError for a split that the layout does not have, for a folder of phantoms of another kind, and when something
 * cannot be written; the signal's reason when it aborts.
 */
export async function writePhantoms(
  options: WritePhantomsOptions,
): Promise<{ readonly made: number; readonly kept: number }> {
  const { layout: name, folder, split, count, first = 0, onProgress, signal } = options
  const layout: PhantomLayout = layouts[name]
  if (!layout.splits.includes(split)) {
    throw new DataError(`the layout ${name} has no ${split} split`, { remedy: `It has ${layout.splits.join(' and ')}` })
  }
  const seeds = phantomSeeds(split, count, first)
  await ensureFolder(folder)
  const record = await continueRecord(options)
  await writeTextAtomically(join(folder, RECORD), jsonText(record))
  const { shape, spacingMm, difficulty } = options
  const study = {
    ...(shape && { shape }),
    ...(spacingMm && { spacingMm }),
    ...(difficulty !== undefined && { difficulty }),
  }
  let kept = 0
  for (const [n, seed] of seeds.entries()) {
    signal?.throwIfAborted()
    const number = first + n
    const paths = layout.images(split, number)
    const there = await exists(join(folder, paths.at(-1)!))
    if (there) kept++
    else await layout.write(folder, { split, number }, phantomStudy(seed, study))
    onProgress?.(n + 1, count, paths.at(-1)!)
  }
  const known = record.splits[split] ?? { first, count: 0 }
  record.splits[split] = { first, count: Math.max(count, known.count) }
  const entries = entriesOf(record, difficulty)
  for (const [path, text] of Object.entries(layout.tables(entries, phantomGrid(study).spacingMm))) {
    await ensureFolderOf(join(folder, path))
    await writeTextAtomically(join(folder, path), text)
  }
  await writeTextAtomically(join(folder, RECORD), jsonText(record))
  return { made: count - kept, kept }
}

function entriesOf({ splits }: FolderRecord, difficulty: number | undefined): PhantomEntry[] {
  const setting = difficulty === undefined ? {} : { difficulty }
  return Object.entries(splits).flatMap(([key, { first, count }]) => {
    const split = key as PhantomSplit
    return phantomSeeds(split, count, first).map((seed, n) => ({
      split,
      number: first + n,
      entry: phantomCase(seed, setting),
    }))
  })
}

/** The record of a folder, new or as it is there. */
async function continueRecord(options: WritePhantomsOptions): Promise<FolderRecord> {
  const { layout, folder, split, first = 0, shape, spacingMm, difficulty } = options
  const asked = {
    layout,
    shape: shape ? [...shape] : null,
    spacingMm: spacingMm ? [...spacingMm] : null,
    difficulty: difficulty ?? null,
  }
  const path = await firstFile(join(folder, RECORD))
  if (path === undefined) return { ...asked, splits: {} }
  const parsed = recordSchema.safeParse(await readJson(path))
  if (!parsed.success) throw new DataError('is no record of phantoms', { path, remedy: 'Choose another folder' })
  const { splits, ...known } = parsed.data
  const elsewhere = splits[split] !== undefined && splits[split].first !== first
  if (elsewhere || JSON.stringify(known) !== JSON.stringify(asked)) {
    throw new DataError('the folder holds phantoms made with other settings', {
      path,
      remedy: 'Use the same settings to go on with it, or choose another folder',
    })
  }
  return parsed.data
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

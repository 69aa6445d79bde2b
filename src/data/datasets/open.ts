import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DataError } from '../errors.js'
import { openCtRate } from './ct-rate.js'
import { firstFile, isFolder, listFiles } from './listing.js'
import { openM3dCap } from './m3d-cap.js'
import { openRadChestCt } from './rad-chestct.js'
import { openSegmentationFolder } from './segmentation-folder.js'
import type { Dataset } from './study.js'
import { openTable } from './table.js'

const readers = {
  'ct-rate': (path: string) => openCtRate(path),
  'rad-chestct': openRadChestCt,
  'm3d-cap': (path: string) => openM3dCap(path),
  segmentation: openSegmentationFolder,
  table: openTable,
}

export type DatasetLayout = keyof typeof readers

export const datasetLayouts = Object.keys(readers) as readonly DatasetLayout[]

/**
 * Opens a data set as it lies on disk. `auto` tells the layout by what is there: a `.csv` or `.jsonl` file (or `dataset.csv`
 * or `dataset.jsonl` in the folder), a `dataset.json`, or the folders and names of the known data
 * sets. Nothing but tables and names is read. Throws a DataError when no layout fits.
 */
export async function openDataset(path: string, layout: DatasetLayout | 'auto' = 'auto'): Promise<Dataset> {
  const own = layout === 'auto' ? await detectLayout(path) : layout
  return await readers[own](own === 'table' ? await tableAt(path) : path)
}

async function tableAt(path: string): Promise<string> {
  if (!(await isFolder(path))) return path
  const table = await firstFile(join(path, 'dataset.csv'), join(path, 'dataset.jsonl'))
  if (table !== undefined) return table
  throw new DataError('has neither dataset.csv nor dataset.jsonl', { path })
}

/** The layout of what lies at a path. */
export async function detectLayout(path: string): Promise<DatasetLayout> {
  const there = await stat(path).catch(() => undefined)
  if (there === undefined) throw new DataError('is not there', { path })
  if (there.isFile()) return 'table'
  if (await firstFile(join(path, 'dataset.csv'), join(path, 'dataset.jsonl'))) return 'table'
  if (await firstFile(join(path, 'dataset.json'))) return 'segmentation'
  const folders = (...names: string[]) => names.flatMap((name) => [join(path, name), join(path, 'dataset', name)])
  for (const folder of folders('train_fixed', 'valid_fixed')) if (await isFolder(folder)) return 'ct-rate'
  for (const folder of ['ct_case', 'ct_quizze', 'M3D_Cap']) if (await isFolder(join(path, folder))) return 'm3d-cap'
  const files = await listFiles(path)
  if (files.some((file) => /^(trn|val|tst)\d+\.npz$/.test(basename(file)))) return 'rad-chestct'
  throw new DataError('fits no known layout', {
    path,
    remedy: `Known are ${datasetLayouts.join(', ')}; a plain list of images is a dataset.csv or dataset.jsonl`,
  })
}

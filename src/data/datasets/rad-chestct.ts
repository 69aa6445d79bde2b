import { basename, join } from 'node:path'
import { DataError } from '../errors.js'
import type { Triple } from '../geometry.js'
import { type CsvRow, readCsv } from './csv.js'
import { firstFile, listFiles } from './listing.js'
import { parseLabel, parseNumbers } from './numbers.js'
import type { Dataset, DatasetProblem, Split, Study } from './study.js'

/** How the owners name the files of a split. */
const splitNames: readonly { readonly split: Split; readonly prefix: string; readonly table: string }[] = [
  { split: 'train', prefix: 'trn', table: 'imgtrain' },
  { split: 'validation', prefix: 'val', table: 'imgvalid' },
  { split: 'test', prefix: 'tst', table: 'imgtest' },
]

/** All public scans were resampled to this before they were published. */
const publishedSpacingMm: Triple = [0.8, 0.8, 0.8]

const metadataTable = 'CT_Scan_Metadata_Complete_35747.csv'

/**
 * RAD-ChestCT (Draelos et al., Medical Image Analysis 2021): 3,630 public chest CTs of one hospital with 84 labels and no
 * reports. `folder` holds, flat or in subfolders:
 *
 *     trn00001.npz, val..., tst...      array `ct`, HU, axes toward inferior, posterior and left, 0.8 mm
 *     img{train,valid,test}_Abnormality_and_Location_Labels.csv   NoteAcc_DEID, then 0/1 columns `abnormality*location`
 *     CT_Scan_Metadata_Complete_35747.csv    VolumeAcc_DEID, MRN_DEID (the patient), final_spacing, if there
 *
 * A label is present where any of its locations is. Without the metadata table every scan counts as a patient of its own.
 * Licence: on request, under the terms of its record at Zenodo (6406114), which are for you to read.
 *
 * Throws a DataError for a folder without scans and for tables that are wrong.
 */
export async function openRadChestCt(folder: string): Promise<Dataset> {
  const files = await listFiles(folder)
  const scans = files.flatMap((path) => {
    const id = basename(path, '.npz')
    const own = splitNames.find(({ prefix }) => new RegExp(`^${prefix}\\d+$`).test(id))
    return own && path.endsWith('.npz') ? [{ id, path, split: own.split }] : []
  })
  if (scans.length === 0) throw new DataError('has no RAD-ChestCT scans (trn00001.npz and the like)', { path: folder })
  const metadata = await readMetadata(await find(folder, files, metadataTable))
  const labels = new Map<string, Readonly<Record<string, number>>>()
  for (const { table } of splitNames) {
    const path = await find(folder, files, `${table}_Abnormality_and_Location_Labels.csv`)
    if (path !== undefined) await readLabels(path, labels)
  }
  const problems: DatasetProblem[] = []
  const studies = scans.map(({ id, path, split }): Study => {
    const row = metadata.get(id)
    const own = labels.get(id)
    if (labels.size > 0 && !own) problems.push({ kind: 'missing-report', name: id, message: 'has no row of labels' })
    const source = {
      ...({ kind: 'array', key: 'ct', axisCodes: 'IPL' } as const),
      path: join(folder, path),
      spacingMm: row?.final_spacing?.trim() ? spacingOf(row.final_spacing, id) : publishedSpacingMm,
    }
    return {
      ...{ id, split, patient: row?.MRN_DEID?.trim() || id },
      images: [{ name: id, source, ...(row && { attributes: row }) }],
      ...(own && { labels: own }),
    }
  })
  return {
    name: 'RAD-ChestCT',
    folder,
    licence: 'on request, under the terms of its record at Zenodo (6406114)',
    studies,
    problems,
    notes: metadata.size === 0 ? [`without ${metadataTable} every scan counts as a patient of its own`] : [],
  }
}

async function find(folder: string, files: readonly string[], name: string): Promise<string | undefined> {
  return await firstFile(...files.filter((path) => basename(path) === name).map((path) => join(folder, path)))
}

/** One number for all axes, or three. */
function spacingOf(text: string, id: string): Triple {
  const name = `final_spacing of ${id}`
  if (Number(text) > 0) return [Number(text), Number(text), Number(text)]
  return parseNumbers(text, 3, name) as Triple
}

async function readMetadata(path: string | undefined): Promise<Map<string, CsvRow>> {
  const rows = new Map<string, CsvRow>()
  if (path === undefined) return rows
  for await (const row of readCsv(path, ['VolumeAcc_DEID', 'MRN_DEID'])) {
    rows.set(row.VolumeAcc_DEID!.trim().replace(/\.npz$/, ''), row)
  }
  return rows
}

async function readLabels(path: string, into: Map<string, Readonly<Record<string, number>>>): Promise<void> {
  for await (const row of readCsv(path, ['NoteAcc_DEID'])) {
    const id = row.NoteAcc_DEID!
    const labels = new Map<string, number>()
    for (const [column, text] of Object.entries(row)) {
      const star = column.indexOf('*')
      if (star < 0) continue
      const name = column.slice(0, star)
      labels.set(name, Math.max(labels.get(name) ?? 0, parseLabel(text, column, id, path)))
    }
    into.set(id, Object.fromEntries(labels))
  }
}

/** Which labels of RAD-ChestCT stand for a finding of CT-RATE. Findings of 18 that are not here have no counterpart. */
const counterparts: Readonly<Record<string, readonly string[]>> = {
  'Medical material': [
    ...['catheter_or_port', 'tracheal_tube', 'chest_tube', 'breast_implant', 'pacemaker_or_defib'],
    ...['stent', 'clip', 'staple', 'gi_tube', 'hardware', 'suture'],
  ],
  'Arterial wall calcification': ['calcification'],
  Cardiomegaly: ['cardiomegaly'],
  'Pericardial effusion': ['pericardial_effusion'],
  'Hiatal hernia': ['hernia'],
  Lymphadenopathy: ['lymphadenopathy'],
  Emphysema: ['emphysema'],
  Atelectasis: ['atelectasis'],
  'Lung nodule': ['nodule', 'nodulegr1cm'],
  'Lung opacity': ['opacity'],
  'Pulmonary fibrotic sequela': ['scarring'],
  'Pleural effusion': ['pleural_effusion'],
  'Peribronchial thickening': ['bronchial_wall_thickening'],
  Consolidation: ['consolidation'],
  Bronchiectasis: ['bronchiectasis'],
  'Interlobular septal thickening': ['septal_thickening'],
}

/**
 * Labels of RAD-ChestCT under the names of CT-RATE: the 16 of CT-CLIP's protocol, without coronary calcification (whose
 * predictions are merged into arterial calcification by their maximum) and mosaic attenuation. A finding is present where
 * any of its counterparts is. Throws a DataError when a counterpart is missing.
 */
export function radChestCtAsCtRate(labels: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counterparts).map(([finding, names]) => {
      const values = names.map((name) => {
        const value = labels[name]
        if (value === undefined) throw new DataError(`the label '${name}' of RAD-ChestCT is missing`)
        return value
      })
      return [finding, Math.max(...values)]
    }),
  )
}

import { basename, join } from 'node:path'
import { DataError } from '../errors.js'
import { readText } from '../text/text-file.js'
import { type CsvRow, readCsv } from './csv.js'
import { firstFile, isFolder, listFiles } from './listing.js'
import { parseLabel, parseNumbers } from './numbers.js'
import {
  type Dataset,
  type DatasetProblem,
  makeReport,
  type Report,
  type Split,
  type Study,
  type StudyImage,
} from './study.js'

/** The 18 findings of CT-RATE, in the order of its label files. */
export const ctRateFindings: readonly string[] = [
  ...['Medical material', 'Arterial wall calcification', 'Cardiomegaly', 'Pericardial effusion'],
  ...['Coronary artery wall calcification', 'Hiatal hernia', 'Lymphadenopathy', 'Emphysema', 'Atelectasis'],
  ...['Lung nodule', 'Lung opacity', 'Pulmonary fibrotic sequela', 'Pleural effusion', 'Mosaic attenuation pattern'],
  ...['Peribronchial thickening', 'Consolidation', 'Bronchiectasis', 'Interlobular septal thickening'],
]

export interface CtRateOptions {
  /** Default: those that are there. */
  readonly splits?: readonly ('train' | 'validation')[]
  /**
   * `fixed` (default) takes `train_fixed` and `valid_fixed`, whose voxels are in HU and whose headers are right. `original`
   * takes `train` and `valid`, which need RescaleSlope, RescaleIntercept and the spacings of `attributes`; doing that to
   * fixed volumes spoils them.
   */
  readonly volumes?: 'fixed' | 'original'
  /** Keep the scans that the owners list as showing no chest. Default false. */
  readonly keepNoChest?: boolean
}

/** How the owners name the files of a split. */
const fileNames = {
  train: { folder: 'train', table: 'train', labels: 'train' },
  validation: { folder: 'valid', table: 'validation', labels: 'valid' },
} as const

/**
 * CT-RATE (Hamamci et al., arXiv 2403.17834): 25,692 non-contrast chest CTs with reports and 18 findings. `folder` is the
 * download or its `dataset` folder:
 *
 *     train_fixed/train_1/train_1_a/train_1_a_1.nii.gz        patient 1, scan a, reconstruction 1; likewise valid_fixed
 *     ts_seg/ts_total/train_fixed/...                         masks of the same names, if there
 *     radiology_text_reports/{train,validation}_reports.csv   VolumeName, ClinicalInformation_EN, Technique_EN, Findings_EN, Impressions_EN
 *     multi_abnormality_labels/{train,valid}_predicted_labels.csv   VolumeName and the 18 findings
 *     metadata/{train,validation}_metadata.csv                VolumeName and DICOM fields, if there: `attributes` of the images
 *     metadata/no_chest_{train,valid}.txt                     scans left out, if there
 *
 * A study is a scan with all its reconstructions, a partial download is fine. Licence: CC BY-NC-SA 4.0 and the owners'
 * terms (research and education only, no redistribution, no attempt to identify anyone).
 *
 * Throws a DataError for a folder that is none of this and for tables that are wrong.
 */
export async function openCtRate(folder: string, options: CtRateOptions = {}): Promise<Dataset> {
  const root = (await isFolder(join(folder, 'dataset'))) ? join(folder, 'dataset') : folder
  const found = await Promise.all(
    (options.splits ?? (['train', 'validation'] as const)).map((split) => openSplit(root, split, options)),
  )
  const present = found.filter((part) => part !== undefined)
  if (present.length === 0) {
    throw new DataError('has no CT-RATE volumes', {
      path: folder,
      remedy: `They lie in ${(options.volumes ?? 'fixed') === 'fixed' ? 'train_fixed and valid_fixed' : 'train and valid'}`,
    })
  }
  return {
    name: 'CT-RATE',
    folder,
    licence: 'CC BY-NC-SA 4.0, with the terms of use of the data set',
    studies: present.flatMap(({ studies }) => studies),
    problems: present.flatMap(({ problems }) => problems),
    notes: present.flatMap(({ notes }) => notes),
  }
}

type Part = Pick<Dataset, 'studies' | 'problems' | 'notes'>

async function openSplit(
  root: string,
  split: 'train' | 'validation',
  { volumes = 'fixed', keepNoChest = false }: CtRateOptions,
): Promise<Part | undefined> {
  const { folder, table, labels } = fileNames[split]
  const volumeFolder = volumes === 'fixed' ? `${folder}_fixed` : folder
  const paths = (await listFiles(join(root, volumeFolder))).filter((path) => parseName(basename(path)) !== undefined)
  if (paths.length === 0) return undefined
  const masks = new Set(await listFiles(join(root, 'ts_seg/ts_total', volumeFolder)))
  const near = (group: string, file: string) => firstFile(join(root, group, file), join(root, file))
  const reportTable = await near('radiology_text_reports', `${table}_reports.csv`)
  const reports = await readTable(reportTable, reportColumns)
  const labelTable = await near('multi_abnormality_labels', `${labels}_predicted_labels.csv`)
  const labelRows = await readTable(labelTable, ctRateFindings)
  const metadata = await readTable(await near('metadata', `${table}_metadata.csv`), [])
  const dropped = keepNoChest ? new Set<string>() : await readNames(await near('metadata', `no_chest_${folder}.txt`))
  const studies = new Map<string, ScanDraft>()
  for (const path of paths) {
    const name = parseName(basename(path))!
    if (dropped.has(name.image)) continue
    const scan = studies.get(name.study) ?? { patient: name.patient, images: [], rows: [], labels: undefined }
    studies.set(name.study, scan)
    const attributes = metadata.get(name.image)
    scan.images.push({
      name: name.image,
      source: { kind: 'volume', path: join(root, volumeFolder, path) },
      ...(masks.has(path) && { mask: { kind: 'volume', path: join(root, 'ts_seg/ts_total', volumeFolder, path) } }),
      ...(attributes && { attributes }),
    })
    const row = reports.get(name.image)
    if (row) scan.rows.push(row)
    scan.labels ??= labelRows.get(name.image)
  }
  const problems: DatasetProblem[] = []
  const here = new Set(paths.map((path) => parseName(basename(path))!.image))
  const missing = [...reports.keys()].filter((name) => !here.has(name) && !dropped.has(name)).length
  return {
    studies: [...studies].map(([id, scan]) => finish(id, scan, split, problems, labelTable)),
    problems,
    notes: missing > 0 ? [`${missing} of the ${reports.size} volumes with a report in ${split} are not here`] : [],
  }
}

interface ScanDraft {
  readonly patient: string
  readonly images: StudyImage[]
  /** Report rows of its reconstructions. */
  readonly rows: CsvRow[]
  labels: CsvRow | undefined
}

function finish(
  id: string,
  { patient, images, rows, labels }: ScanDraft,
  split: Split,
  problems: DatasetProblem[],
  labelTable: string | undefined,
): Study {
  const reports = rows.map(reportOf)
  const report = reports[0]
  if (report === undefined) problems.push({ kind: 'missing-report', name: id, message: 'has no report' })
  else if (reports.some((other) => other?.text !== report.text)) {
    problems.push({ kind: 'conflicting-report', name: id, message: 'its reconstructions have different reports' })
  }
  return {
    ...{ id, patient, split, images },
    ...(report && { report }),
    ...(labels && {
      labels: Object.fromEntries(
        ctRateFindings.map((name) => [name, parseLabel(labels[name]!, name, id, labelTable!)]),
      ),
    }),
  }
}

const reportColumns = ['ClinicalInformation_EN', 'Technique_EN', 'Findings_EN', 'Impressions_EN']

function reportOf(row: CsvRow): Report | undefined {
  const [clinical, technique, findings, impression] = reportColumns.map((column) => row[column]!)
  return makeReport({ clinical: clinical!, technique: technique!, findings: findings!, impression: impression! })
}

/** `train_1_a_1.nii.gz` to its parts. Undefined for anything else. */
function parseName(file: string): { image: string; study: string; patient: string } | undefined {
  const match = /^(((?:train|valid)_\d+)_[a-z]+)_\d+(?=\.nii(\.gz)?$)/.exec(file)
  return match ? { image: match[0], study: match[1]!, patient: match[2]! } : undefined
}

/** Rows by the volume they are about. Empty without a table. */
async function readTable(path: string | undefined, columns: readonly string[]): Promise<Map<string, CsvRow>> {
  const rows = new Map<string, CsvRow>()
  if (path === undefined) return rows
  for await (const row of readCsv(path, ['VolumeName', ...columns])) rows.set(volumeName(row.VolumeName!), row)
  return rows
}

/** Names without their ending, whatever folder stands before them. */
async function readNames(path: string | undefined): Promise<Set<string>> {
  if (path === undefined) return new Set()
  const text = await readText(path)
  return new Set(
    text
      .split(/\r?\n/)
      .map((line) => volumeName(basename(line.trim())))
      .filter((name) => name !== ''),
  )
}

const volumeName = (file: string): string => file.trim().replace(/\.nii(\.gz)?$/, '')

/**
 * The studies as COLIPRI's evaluation takes them: of each scan the reconstruction with the smallest voxels in plane (by
 * `XYSpacing`; ties by name), and of scans with the same findings text only the first. Throws a DataError for a scan
 * without the spacing, which the metadata table brings.
 */
export function ctRateEvaluationStudies({ studies, folder }: Dataset): Study[] {
  const seen = new Set<string>()
  return studies.flatMap((study) => {
    const findings = study.report?.findings
    if (findings !== undefined && seen.has(findings)) return []
    if (findings !== undefined) seen.add(findings)
    const sized = study.images.map((image) => {
      const spacing = image.attributes?.XYSpacing
      if (spacing === undefined) throw new DataError(`has no XYSpacing for ${image.name}`, { path: folder })
      return { image, mm: parseNumbers(spacing, 2, `XYSpacing of ${image.name}`)[0]! }
    })
    sized.sort((a, b) => a.mm - b.mm || (a.image.name < b.image.name ? -1 : 1))
    return [{ ...study, images: [sized[0]!.image] }]
  })
}

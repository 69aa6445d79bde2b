import { join } from 'node:path'
import { ctRateFindings } from '../../datasets/ct-rate.js'
import { writeNifti } from '../../nifti-write.js'
import { type PhantomFindingName, phantomFindings } from '../findings.js'
import type { PhantomSplit } from '../splits.js'
import type { PhantomCase } from '../study.js'
import { ensureFolderOf } from './folders.js'
import { bySplit, csvText, type PhantomLayout } from './layout.js'

/** How CT-RATE names a split in its folders and tables. */
const names = { train: { folder: 'train', table: 'train' }, validation: { folder: 'valid', table: 'validation' } }

type CtRateSplit = keyof typeof names

/** CT-RATE counts patients from 1, and we have one scan of each with one reconstruction. */
const imageName = (split: CtRateSplit, number: number): string => `${names[split].folder}_${number + 1}_a_1`

function imagePath(split: CtRateSplit, number: number): string {
  const patient = `${names[split].folder}_${number + 1}`
  return `${names[split].folder}_fixed/${patient}/${patient}_a/${imageName(split, number)}.nii.gz`
}

const isCtRateSplit = (split: PhantomSplit): split is CtRateSplit => split !== 'test'

/** CT-RATE's labels of a phantom. What phantoms do not have is 0. */
function ctRateLabels({ labels, catheter }: PhantomCase): number[] {
  return ctRateFindings.map((name) => {
    if (name === 'Medical material') return catheter ? 1 : 0
    if (name === 'Lung opacity') return labels.Consolidation
    return phantomFindings.includes(name as PhantomFindingName) ? labels[name as PhantomFindingName] : 0
  })
}

/**
 * Phantoms as `openCtRate` reads CT-RATE: fixed volumes, masks, reports, the 18 labels and metadata, and beside them
 * `phantom_labels` with all findings of phantoms.
 */
export const ctRateLayout: PhantomLayout = {
  splits: ['train', 'validation'],

  images(split, number) {
    if (!isCtRateSplit(split)) return []
    const path = imagePath(split, number)
    return [`ts_seg/ts_total/${path}`, path]
  },

  async write(folder, { split, number }, { masks, volume }) {
    const [maskPath, volumePath] = ctRateLayout.images(split, number).map((path) => join(folder, path))
    await ensureFolderOf(maskPath!)
    await writeNifti(maskPath!, masks)
    await ensureFolderOf(volumePath!)
    await writeNifti(volumePath!, volume)
  },

  tables(entries, [x, y, z]) {
    return Object.assign(
      {},
      ...(['train', 'validation'] as const).map((split) => {
        const own = bySplit(entries, split)
        if (own.length === 0) return {}
        const rows = <Value>(make: (entry: PhantomCase) => Value[]) =>
          own.map(({ number, entry }) => [`${imageName(split, number)}.nii.gz`, ...make(entry)])
        const { folder, table } = names[split]
        return {
          [`radiology_text_reports/${table}_reports.csv`]: csvText([
            ['VolumeName', 'ClinicalInformation_EN', 'Technique_EN', 'Findings_EN', 'Impressions_EN'],
            ...rows(({ phase, report }) => ['', `CT, ${phase} phase.`, report.findings, report.impression]),
          ]),
          [`multi_abnormality_labels/${folder}_predicted_labels.csv`]: csvText([
            ['VolumeName', ...ctRateFindings],
            ...rows(ctRateLabels),
          ]),
          [`metadata/${table}_metadata.csv`]: csvText([
            ['VolumeName', 'XYSpacing', 'ZSpacing', 'RescaleSlope', 'RescaleIntercept'],
            ...rows(() => [`[${x}, ${y}]`, z, 1, 0]),
          ]),
          [`phantom_labels/${folder}_labels.csv`]: csvText([
            ['VolumeName', ...phantomFindings],
            ...rows(({ labels }) => phantomFindings.map((name) => labels[name])),
          ]),
        }
      }),
    )
  },
}

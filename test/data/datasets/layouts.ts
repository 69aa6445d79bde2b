import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ctRateFindings } from '../../../src/data/datasets/index.js'

/** Writes files below a folder; a list of lines becomes a text. */
export async function writeTree(root: string, tree: Readonly<Record<string, string | readonly string[] | Uint8Array>>) {
  for (const [path, content] of Object.entries(tree)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), Array.isArray(content) ? `${content.join('\n')}\n` : (content as string))
  }
}

/** Labels of CT-RATE with these findings present. */
export const ctRateLabelRow = (volume: string, ...present: string[]): string =>
  [volume, ...ctRateFindings.map((name) => (present.includes(name) ? '1.0' : '0'))].join(',')

/** A download of CT-RATE in small: three scans of two patients, four of five volumes there. Volumes are empty files. */
export const ctRateTree: Record<string, string[] | string> = {
  'dataset/train_fixed/train_1/train_1_a/train_1_a_1.nii.gz': '',
  'dataset/train_fixed/train_1/train_1_a/train_1_a_2.nii.gz': '',
  'dataset/train_fixed/train_1/train_1_b/train_1_b_1.nii.gz': '',
  'dataset/train_fixed/train_2/train_2_a/train_2_a_1.nii.gz': '',
  'dataset/train_fixed/train_1/train_1_a/.cache': '',
  'dataset/valid_fixed/valid_1/valid_1_a/valid_1_a_1.nii.gz': '',
  'dataset/ts_seg/ts_total/train_fixed/train_1/train_1_a/train_1_a_1.nii.gz': '',
  'dataset/radiology_text_reports/train_reports.csv': [
    '\ufeffVolumeName,ClinicalInformation_EN,Technique_EN,Findings_EN,Impressions_EN',
    'train_1_a_1.nii.gz,Cough.,CT,"A nodule, 5 mm.\nNo ""effusion"".",Nodule.',
    'train_1_a_2.nii.gz,Cough.,CT,"A nodule, 5 mm.\nNo ""effusion"".",Nodule.',
    'train_1_b_1.nii.gz,,,Clear.,',
    'train_3_a_1.nii.gz,,,Clear.,',
  ],
  'dataset/radiology_text_reports/validation_reports.csv': [
    'VolumeName,ClinicalInformation_EN,Technique_EN,Findings_EN,Impressions_EN',
    'valid_1_a_1.nii.gz,,,Clear.,',
  ],
  'dataset/multi_abnormality_labels/train_predicted_labels.csv': [
    `VolumeName,${ctRateFindings.join(',')}`,
    ctRateLabelRow('train_1_a_1.nii.gz', 'Lung nodule'),
    ctRateLabelRow('train_1_b_1.nii.gz'),
  ],
  'dataset/metadata/train_metadata.csv': [
    'VolumeName,XYSpacing,ZSpacing',
    'train_1_a_1.nii.gz,"[0.68, 0.68]",0.75',
    'train_1_a_2.nii.gz,"[0.34, 0.34]",1.5',
    'train_1_b_1.nii.gz,"[0.5, 0.5]",1.5',
  ],
  'dataset/metadata/no_chest_train.txt': ['train_2_a_1.nii.gz'],
}

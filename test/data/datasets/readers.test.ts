import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  ctRateEvaluationStudies,
  type Dataset,
  openCtRate,
  openM3dCap,
  openRadChestCt,
  radChestCtAsCtRate,
  readImage,
} from '../../../src/data/datasets/index.js'
import { DataError } from '../../../src/data/errors.js'
import { temporaryFolder } from '../helpers.js'
import { ctRateTree, writeTree } from './layouts.js'

const summary = ({ studies }: Dataset) =>
  studies.map(({ id, patient, split, images }) => [id, patient, split, images.map(({ name }) => name)])

describe('CT-RATE', () => {
  test('scans with their reconstructions, reports, labels, masks and metadata', async () => {
    const folder = await temporaryFolder()
    await writeTree(folder, ctRateTree)
    const dataset = await openCtRate(folder)
    expect(summary(dataset)).toEqual([
      ['train_1_a', 'train_1', 'train', ['train_1_a_1', 'train_1_a_2']],
      ['train_1_b', 'train_1', 'train', ['train_1_b_1']],
      ['valid_1_a', 'valid_1', 'validation', ['valid_1_a_1']],
    ])
    const [first, second] = dataset.studies
    expect(first!.report).toEqual({
      clinical: 'Cough.',
      technique: 'CT',
      findings: 'A nodule, 5 mm.\nNo "effusion".',
      impression: 'Nodule.',
      text: 'Cough.\nCT\nA nodule, 5 mm.\nNo "effusion".\nNodule.',
    })
    expect(second!.report).toEqual({ findings: 'Clear.', text: 'Clear.' })
    expect(first!.labels).toMatchObject({ 'Lung nodule': 1, Emphysema: 0 })
    expect(Object.keys(first!.labels!)).toHaveLength(18)
    expect(first!.images.map(({ mask }) => mask !== undefined)).toEqual([true, false])
    expect(first!.images[1]!.attributes).toMatchObject({ XYSpacing: '[0.34, 0.34]' })
    expect(dataset.notes).toEqual(['1 of the 4 volumes with a report in train are not here'])
    expect(dataset.problems).toEqual([])
  })

  test('the evaluation set: finest reconstruction in plane, repeated findings once', async () => {
    const folder = await temporaryFolder()
    await writeTree(folder, {
      ...ctRateTree,
      'dataset/train_fixed/train_3/train_3_a/train_3_a_1.nii.gz': '',
      'dataset/metadata/train_metadata.csv': [
        ...(ctRateTree['dataset/metadata/train_metadata.csv'] as string[]),
        'train_3_a_1.nii.gz,"[0.5, 0.5]",1',
      ],
    })
    const chosen = ctRateEvaluationStudies(await openCtRate(folder, { splits: ['train'] }))
    expect(chosen.map(({ images }) => images.map(({ name }) => name))).toEqual([['train_1_a_2'], ['train_1_b_1']])
  })

  test('scans without a chest on request; reports that differ are noticed', async () => {
    const folder = await temporaryFolder()
    await writeTree(folder, ctRateTree)
    await writeTree(folder, {
      'dataset/radiology_text_reports/train_reports.csv': [
        'VolumeName,ClinicalInformation_EN,Technique_EN,Findings_EN,Impressions_EN',
        'train_1_a_1.nii.gz,,,One.,',
        'train_1_a_2.nii.gz,,,Two.,',
      ],
    })
    const { studies, problems } = await openCtRate(folder, { keepNoChest: true, splits: ['train'] })
    expect(studies.map(({ id }) => id)).toContain('train_2_a')
    expect(problems.map(({ kind, name }) => [kind, name])).toEqual([
      ['conflicting-report', 'train_1_a'],
      ['missing-report', 'train_1_b'],
      ['missing-report', 'train_2_a'],
    ])
  })

  test.each<[string, Record<string, string[]>, RegExp]>([
    [
      'a table without its columns',
      { 'metadata/train_metadata.csv': ['Name,X', 'a,1'] },
      /lacks the column VolumeName/,
    ],
    [
      'a ragged row',
      { 'metadata/train_metadata.csv': ['VolumeName,X', 'a,1,2'] },
      /train_metadata\.csv: is no CSV.*line 2/,
    ],
    ['an open quote', { 'metadata/train_metadata.csv': ['VolumeName,X', 'a,"1'] }, /is no CSV/],
    ['a column twice', { 'metadata/train_metadata.csv': ['VolumeName,X,X', 'a,1,2'] }, /column 'X' twice/],
    [
      'a label that is none',
      {
        'multi_abnormality_labels/train_predicted_labels.csv': (
          ctRateTree['dataset/multi_abnormality_labels/train_predicted_labels.csv'] as string[]
        ).map((line) => line.replace('1.0', '0.7')),
      },
      /'Lung nodule' of train_1_a is '0\.7', not 0 or 1/,
    ],
  ])('%s is refused', async (_, tree, message) => {
    const folder = await temporaryFolder()
    await writeTree(folder, ctRateTree)
    await writeTree(join(folder, 'dataset'), tree)
    await expect(openCtRate(folder)).rejects.toThrow(message)
    await expect(openCtRate(folder)).rejects.toThrow(DataError)
  })

  test('original volumes only on request', async () => {
    const folder = await temporaryFolder()
    await writeTree(folder, { 'train/train_1/train_1_a/train_1_a_1.nii.gz': '' })
    await expect(openCtRate(folder)).rejects.toThrow(/has no CT-RATE volumes/)
    expect((await openCtRate(folder, { volumes: 'original' })).studies).toHaveLength(1)
  })
})

test('RAD-ChestCT: scans, patients, labels over locations', async () => {
  const folder = await temporaryFolder()
  await writeTree(folder, {
    'images/trn00001.npz': '',
    'images/tst00002.npz': '',
    'images/other.npz': '',
    'tables/imgtrain_Abnormality_and_Location_Labels.csv': [
      'NoteAcc_DEID,nodule*lung,nodule*liver,mass*lung,constructor*lung',
      'trn00001,0,1,0,1',
    ],
    'tables/CT_Scan_Metadata_Complete_35747.csv': [
      ',VolumeAcc_DEID,NoteAcc_DEID,MRN_DEID,final_spacing',
      '0,trn00001.npz,trn00001,mrn07,0.8',
      '1,tst00002.npz,tst00002,mrn07,"[0.8, 0.8, 0.9]"',
    ],
  })
  const dataset = await openRadChestCt(folder)
  expect(summary(dataset)).toEqual([
    ['trn00001', 'mrn07', 'train', ['trn00001']],
    ['tst00002', 'mrn07', 'test', ['tst00002']],
  ])
  expect(dataset.studies[0]!.labels).toEqual({ nodule: 1, mass: 0, constructor: 1 })
  expect(dataset.studies[1]!.images[0]!.source).toMatchObject({
    ...{ kind: 'array', key: 'ct', axisCodes: 'IPL', spacingMm: [0.8, 0.8, 0.9] },
  })
  expect(dataset.problems.map(({ name }) => name)).toEqual(['tst00002'])
  await expect(readImage(dataset.studies[0]!.images[0]!.source)).rejects.toThrow(/NumPy archives are not read/)
  await expect(openRadChestCt(join(folder, 'tables'))).rejects.toThrow(/no RAD-ChestCT scans/)
})

test('labels of RAD-ChestCT under the names of CT-RATE', () => {
  const names = [
    ...['catheter_or_port', 'tracheal_tube', 'chest_tube', 'breast_implant', 'pacemaker_or_defib', 'stent', 'clip'],
    ...['staple', 'gi_tube', 'hardware', 'suture', 'calcification', 'cardiomegaly', 'pericardial_effusion', 'hernia'],
    ...['lymphadenopathy', 'emphysema', 'atelectasis', 'nodule', 'nodulegr1cm', 'opacity', 'scarring'],
    ...['pleural_effusion', 'bronchial_wall_thickening', 'consolidation', 'bronchiectasis', 'septal_thickening'],
  ]
  const none = Object.fromEntries(names.map((name) => [name, 0]))
  const mapped = radChestCtAsCtRate({ ...none, nodulegr1cm: 1, suture: 1 })
  expect(Object.keys(mapped)).toHaveLength(16)
  expect(Object.entries(mapped).filter(([, value]) => value === 1)).toEqual([
    ['Medical material', 1],
    ['Lung nodule', 1],
  ])
  expect(() => radChestCtAsCtRate({})).toThrow(/label 'catheter_or_port'/)
})

describe('M3D-Cap', () => {
  const tree = {
    'M3D_Cap/ct_case/000006/Axial/0.png': '',
    'M3D_Cap/ct_case/000006/Axial/1.png': '',
    'M3D_Cap/ct_case/000006/Coronal/0.jpeg': '',
    'M3D_Cap/ct_case/000006/text.txt': ' A case. ',
    'M3D_Cap/ct_quizze/000009/Axial/0.png': '',
  }

  test('cases with their series and text', async () => {
    const folder = await temporaryFolder()
    await writeTree(folder, tree)
    const dataset = await openM3dCap(folder)
    expect(summary(dataset)).toEqual([
      ['ct_case/000006', 'ct_case/000006', undefined, ['ct_case/000006/Axial', 'ct_case/000006/Coronal']],
      ['ct_quizze/000009', 'ct_quizze/000009', undefined, ['ct_quizze/000009/Axial']],
    ])
    expect(dataset.studies[0]!.report!.text).toBe('A case.')
    expect(dataset.problems.map(({ name }) => name)).toEqual(['ct_quizze/000009'])
    expect(summary(await openM3dCap(folder, { minSlices: 2 }))).toHaveLength(1)
    expect((await openM3dCap(join(folder, 'M3D_Cap'))).studies).toHaveLength(2)
  })

  test('a case in two splits becomes two studies of one patient', async () => {
    const folder = await temporaryFolder()
    const pair = (image: string) => ({ image: `M3D_Cap/${image}`, text: 'M3D_Cap/ct_case/000006/text.txt' })
    await writeTree(folder, {
      ...tree,
      'M3D_Cap/M3D_Cap.json': JSON.stringify({
        train: [pair('ct_case/000006/Axial')],
        validation: [pair('ct_case/000006/Coronal')],
        test: [],
      }),
    })
    expect(summary(await openM3dCap(folder)).slice(0, 2)).toEqual([
      ['ct_case/000006 (train)', 'ct_case/000006', 'train', ['ct_case/000006/Axial']],
      ['ct_case/000006 (validation)', 'ct_case/000006', 'validation', ['ct_case/000006/Coronal']],
    ])
    await writeTree(folder, { 'M3D_Cap/M3D_Cap.json': '{"train": 1}' })
    await expect(openM3dCap(folder)).rejects.toThrow(/M3D_Cap\.json: is no split file/)
  })
})

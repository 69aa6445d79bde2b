import { join } from 'node:path'
import { encode } from 'fast-png'
import { describe, expect, test } from 'vitest'
import {
  ctRateEvaluationStudies,
  type Dataset,
  imagesOf,
  openCtRate,
  openDataset,
  openM3dCap,
  openRadChestCt,
  openSegmentationFolder,
  openTable,
  radChestCtAsCtRate,
  readChannels,
  readImage,
  readPictureSlices,
} from '../../../src/data/datasets/index.js'
import { DataError } from '../../../src/data/errors.js'
import { writeNifti } from '../../../src/data/nifti-write.js'
import { countingVolume, temporaryFolder, voxelList } from '../helpers.js'
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

describe('segmentation folders', () => {
  test('MSD', async () => {
    const folder = await temporaryFolder()
    await writeTree(folder, {
      'dataset.json': JSON.stringify({
        name: 'Liver',
        modality: { 0: 'CT' },
        labels: { 0: 'background', 1: 'liver' },
        training: [
          { image: './imagesTr/liver_0.nii.gz', label: './labelsTr/liver_0.nii.gz' },
          { image: './imagesTr/liver_1.nii.gz', label: './labelsTr/liver_1.nii.gz' },
          { image: './imagesTr/liver_2.nii.gz', label: './labelsTr/liver_2.nii.gz' },
        ],
        test: ['./imagesTs/liver_3.nii.gz'],
      }),
      'imagesTr/liver_0.nii.gz': '',
      'imagesTr/liver_1.nii.gz': '',
      'imagesTs/liver_3.nii.gz': '',
      'labelsTr/liver_0.nii.gz': '',
    })
    const dataset = await openSegmentationFolder(folder)
    expect(summary(dataset).map(([id, , split]) => [id, split])).toEqual([
      ['liver_0', 'train'],
      ['liver_1', 'train'],
      ['liver_3', 'test'],
    ])
    expect(dataset).toMatchObject({ licence: 'CC BY-SA 4.0', maskLabels: { 0: 'background', 1: 'liver' } })
    expect(dataset.problems.map(({ kind, name }) => [kind, name])).toEqual([
      ['missing-mask', 'liver_1'],
      ['missing-mask', 'liver_2'],
      ['missing-image', 'liver_2'],
    ])
  })

  test('nnU-Net with two channels', async () => {
    const folder = await temporaryFolder()
    await writeTree(folder, {
      'dataset.json': JSON.stringify({
        channel_names: { 0: 'T2', 1: 'ADC' },
        labels: { background: 0, zone: 1, whole: [1, 2] },
        numTraining: 2,
        file_ending: '.nii',
      }),
      'labelsTr/case_b.nii': '',
      'imagesTr/case_b_0000.nii': '',
      'imagesTr/case_a_0000.nii': '',
      'imagesTr/case_a_0001.nii': '',
    })
    await writeNifti(join(folder, 'imagesTr/case_b_0000.nii'), countingVolume([2, 2, 2]))
    await writeNifti(join(folder, 'imagesTr/case_b_0001.nii'), countingVolume([2, 2, 2]))
    const dataset = await openSegmentationFolder(folder)
    expect(summary(dataset).map(([id]) => id)).toEqual(['case_a', 'case_b'])
    expect(dataset.maskLabels).toEqual({ 0: 'background', 1: 'zone' })
    expect(dataset.problems.map(({ name }) => name)).toEqual(['case_a'])
    const channels = await readChannels(dataset.studies[1]!.images[0]!.source)
    expect(channels.map(({ shape }) => shape)).toEqual([
      [2, 2, 2],
      [2, 2, 2],
    ])
    expect((await readImage(dataset.studies[1]!.images[0]!.source)).shape).toEqual([2, 2, 2])
  })

  test.each([
    ['no description', undefined, /cannot read the file/],
    ['no JSON', '{', /dataset\.json: is not JSON/],
    ['another JSON', '{"a": 1}', /is no nnU-Net description/],
    ['a broken MSD list', '{"training": 1}', /is no MSD description/],
  ])('%s is refused', async (_, text, message) => {
    const folder = await temporaryFolder()
    if (text !== undefined) await writeTree(folder, { 'dataset.json': text })
    await expect(openSegmentationFolder(folder)).rejects.toThrow(message)
  })
})

describe('tables', () => {
  const images = { 'a.nii': '', 'b.nii': '', 'c.nii': '', 'm.nii': '' }

  test('CSV', async () => {
    const folder = await temporaryFolder()
    await writeTree(folder, {
      ...images,
      'dataset.csv': [
        'id,image,mask,patient,split,findings,impression,label:nodule',
        's1,a.nii,m.nii,p1,train,"Clear, mostly.",Ok.,1',
        's1,b.nii,,p1,train,"Clear, mostly.",Ok.,',
        ',c.nii,gone.nii,,,,,0',
        ',gone.nii,,,,,,',
      ],
    })
    const dataset = await openTable(join(folder, 'dataset.csv'))
    expect(summary(dataset)).toEqual([
      ['s1', 'p1', 'train', ['a.nii', 'b.nii']],
      ['c.nii', 'c.nii', undefined, ['c.nii']],
    ])
    expect(dataset.studies[0]).toMatchObject({ labels: { nodule: 1 }, report: { text: 'Clear, mostly.\nOk.' } })
    expect([...imagesOf(dataset.studies)].map(({ image }) => image.mask !== undefined)).toEqual([true, false, false])
    expect(dataset.problems.map(({ kind, name }) => [kind, name])).toEqual([
      ['missing-mask', 'c.nii'],
      ['missing-image', 'gone.nii'],
    ])
  })

  test('JSONL', async () => {
    const folder = await temporaryFolder()
    await writeTree(folder, {
      ...images,
      'list.jsonl': [
        JSON.stringify({ image: 'a.nii', report: 'Findings: x', labels: { nodule: 0 } }),
        '',
        JSON.stringify({ image: 'b.nii', id: 'a.nii', split: 'test', report: 'other' }),
      ],
    })
    const dataset = await openDataset(join(folder, 'list.jsonl'))
    expect(dataset.studies).toMatchObject([{ id: 'a.nii', report: { text: 'Findings: x' }, labels: { nodule: 0 } }])
    expect(dataset.problems.map(({ kind }) => kind)).toEqual(['conflicting-report', 'conflicting-split'])
  })

  test.each<[string, string[], RegExp]>([
    ['t.csv', ['image,colour', 'a.nii,red'], /row 1 is wrong:.*colour/],
    ['t.csv', ['image,split', 'a.nii,dev'], /row 1 is wrong: split/],
    ['t.csv', ['image,label:x', 'a.nii,maybe'], /'label:x' of a\.nii is 'maybe'/],
    ['t.csv', ['image', 'a.nii', 'a.nii'], /row 2 names the image 'a\.nii' again/],
    ['t.csv', ['path', 'a.nii'], /lacks the column image/],
    ['t.jsonl', ['{"image": "a.nii"}', '{'], /t\.jsonl, line 2: is not JSON/],
    ['t.jsonl', ['{"image": "a.nii", "labels": {"x": 2}}'], /row 1 is wrong: labels\.x/],
    ['t.jsonl', ['{"image": "a.nii", "labels": {"__proto__": 2}}'], /row 1 is wrong: labels\.__proto__/],
    ['t.jsonl', ['{"image": "a.nii", "labels": [1]}'], /row 1 is wrong: labels: must be an object/],
    ['t.jsonl', ['{"image": "a.nii", "__proto__": 2}'], /row 1 is wrong: Unrecognized key: "__proto__"/],
    ['t.csv', ['image,__proto__', 'a.nii,2'], /row 1 is wrong: Unrecognized key: "__proto__"/],
    ['t.txt', ['image'], /neither \.csv nor \.jsonl/],
  ])('%s %j is refused', async (name, lines, message) => {
    const folder = await temporaryFolder()
    await writeTree(folder, { ...images, [name]: lines })
    await expect(openTable(join(folder, name))).rejects.toThrow(message)
    await expect(openTable(join(folder, name))).rejects.toThrow(DataError)
  })
})

describe('layouts are told by what is there', () => {
  test.each<[string, Record<string, string | string[]>, string]>([
    ['ct-rate', ctRateTree, 'CT-RATE'],
    ['rad-chestct', { 'x/val00001.npz': '' }, 'RAD-ChestCT'],
    ['m3d-cap', { 'ct_case/1/Axial/0.png': '' }, 'M3D-Cap'],
    ['segmentation', { 'dataset.json': '{"channel_names":{},"labels":{},"file_ending":".nii"}' }, 'nnU-Net'],
    ['table', { 'dataset.jsonl': '' }, 'dataset.jsonl'],
  ])('%s', async (layout, tree, name) => {
    const folder = await temporaryFolder()
    await writeTree(folder, tree)
    expect((await openDataset(folder)).name).toMatch(name)
    expect((await openDataset(folder, layout as 'table')).name).toMatch(name)
  })

  test('nothing known', async () => {
    const folder = await temporaryFolder()
    await expect(openDataset(folder)).rejects.toThrow(/fits no known layout/)
    await expect(openDataset(join(folder, 'none'))).rejects.toThrow(/is not there/)
    await expect(openDataset(folder, 'table')).rejects.toThrow(/neither dataset\.csv nor/)
  })
})

describe('picture slices', () => {
  const picture = (width: number, height: number, values: number[], channels = 1) =>
    encode({ width, height, channels, depth: 8, data: Uint8Array.from(values) })

  test('ordered by number, of the most common size, in grey', async () => {
    const folder = await temporaryFolder()
    await writeTree(folder, {
      '10.png': picture(2, 1, [5, 6]),
      '9.png': picture(2, 1, [1, 2]),
      '8.png': picture(1, 1, [7]),
      '11.png': picture(2, 1, [255, 0, 0, 0, 0, 255], 3),
      'notes.txt': '',
    })
    const volume = await readPictureSlices(folder)
    expect(volume.shape).toEqual([1, 2, 3])
    // Red is (9798 * 255 + 16384) >> 15, blue (3735 * 255 + 16384) >> 15.
    expect(voxelList(volume)).toEqual([1, 5, 76, 2, 6, 29])
  })

  test.each<[string, Record<string, Uint8Array | string>, RegExp]>([
    ['no pictures', { 'a.txt': '' }, /has no pictures/],
    ['JPEG', { '0.jpg': '' }, /0\.jpg is a JPEG/],
    ['a broken picture', { '0.png': picture(2, 1, [5, 6]).slice(0, 40) }, /0\.png: is no picture/],
    ['an empty file', { '0.png': '' }, /0\.png: is no picture/],
    [
      'a bomb',
      { '0.png': picture(2, 1, [5, 6]).map((byte, n) => (n === 16 ? 0x7f : byte)) },
      /0\.png: claims 2130706434 x 1 pixels/,
    ],
  ])('%s', async (_, tree, message) => {
    const folder = await temporaryFolder()
    await writeTree(folder, tree)
    await expect(readPictureSlices(folder)).rejects.toThrow(message)
    await expect(readPictureSlices(folder)).rejects.toThrow(DataError)
  })
})

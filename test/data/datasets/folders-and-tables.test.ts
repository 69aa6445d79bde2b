import { join } from 'node:path'
import { encode } from 'fast-png'
import { describe, expect, test } from 'vitest'
import {
  type Dataset,
  imagesOf,
  openDataset,
  openSegmentationFolder,
  openTable,
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

import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dataCheckHtml } from '../../../src/cli/data-check-html.js'
import { checkDataset, type Dataset, openDataset, openTable, type Study } from '../../../src/data/datasets/index.js'
import { findOverlaps } from '../../../src/data/datasets/leaks.js'
import { writeNifti } from '../../../src/data/nifti-write.js'
import { volumeFromArray } from '../../../src/data/volume.js'
import { countingVolume, scalingAffine, temporaryFolder } from '../helpers.js'
import { writeTree } from './layouts.js'

const kinds = (findings: readonly { kind: string; names: readonly string[] }[]) =>
  findings.map(({ kind, names }) => `${kind}: ${names.join(' ')}`).sort()

/** A table with one of every fault. */
async function faultyDataset(): Promise<Dataset> {
  const folder = await temporaryFolder()
  const write = (name: string, values: number[], affine = scalingAffine([1, 1, 2])) =>
    writeNifti(join(folder, name), volumeFromArray(Float32Array.from(values), [2, 2, 2], affine))
  await write('good.nii.gz', [0, 1, 2, 3, 4, 5, 6, 7])
  await write('copy.nii', [0, 1, 2, 3, 4, 5, 6, 7])
  await write('constant.nii', [5, 5, 5, 5, 5, 5, 5, 5])
  await write('missing.nii', [0, 1, 2, 3, 4, 5, 6, Number.NaN])
  await write('raw.nii', [-8192, 1, 2, 3, 4, 5, 6, 8])
  await write('masked.nii', [0, 1, 2, 3, 4, 5, 6, 9])
  await write('mask.nii', [0, 0, 0, 0, 1, 1, 1, 0.5])
  await write('shifted.nii', [0, 0, 0, 0, 1, 1, 1, 1], scalingAffine([1, 1, 3]))
  await write('cut.nii.gz', [1, 2, 3, 4, 5, 6, 7, 8])
  await truncate(join(folder, 'cut.nii.gz'), 60)
  await writeFile(join(folder, 'text.nii'), 'this is no scan')
  await writeTree(folder, {
    'dataset.csv': [
      'id,image,mask,patient,split,report,label:nodule',
      's1,good.nii.gz,,p1,train,Clear lungs.,1',
      's2,copy.nii,,p1,test,"Clear   LUNGS.",0',
      's3,constant.nii,,p2,train,Other.,',
      's4,missing.nii,,p3,train,clear lungs.,1',
      's5,raw.nii,,p4,train,other.,',
      's6,masked.nii,mask.nii,p5,train,,',
      's7,cut.nii.gz,,p6,train,,',
      's8,text.nii,shifted.nii,p7,train,,',
      's9,masked2.nii,,p8,train,,',
    ],
  })
  return await openDataset(folder)
}

describe('checkDataset', () => {
  test('finds every fault and goes on', async () => {
    const seen: number[] = []
    const check = await checkDataset(await faultyDataset(), { onProgress: (done) => seen.push(done) })
    expect(kinds(check.findings)).toEqual([
      'broken-image: cut.nii.gz',
      'broken-image: text.nii',
      'constant: constant.nii',
      'duplicate-text: s3 s5',
      'leak-patient: s1 s2',
      'leak-text: s1 s2 s4',
      'leak-volume: good.nii.gz copy.nii',
      'mask-labels: masked.nii',
      'missing-image: masked2.nii',
      'not-finite: missing.nii',
      'value-range: raw.nii',
    ])
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(check.counts).toEqual({
      train: { studies: 7, patients: 7, images: 7, masks: 2, reports: 4 },
      test: { studies: 1, patients: 1, images: 1, masks: 0, reports: 1 },
    })
    expect(check.labels).toEqual({ nodule: { present: 2, labelled: 3 } })
    expect(check.geometry).toMatchObject({
      orientations: { RAS: 6 },
      dtypes: { float32: 6 },
      values: { min: -8192, max: 9 },
    })
    expect(check.geometry.axes[2]).toEqual({
      voxels: { min: 2, median: 2, max: 2 },
      spacingMm: { min: 2, median: 2, max: 2 },
    })
    expect(
      check.findings
        .filter(({ severity }) => severity === 'notice')
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(['duplicate-text', 'value-range'])
    expect(JSON.parse(JSON.stringify(check))).toEqual(check)
  })

  test('counts labels whose names every object knows', async () => {
    const folder = await temporaryFolder()
    const names = ['__proto__', 'constructor', 'toString']
    const labels = `{${names.map((name) => `"${name}": 1`).join()}}`
    await writeTree(folder, {
      'a.nii': '',
      'list.jsonl': [`{"image": "a.nii", "labels": ${labels}}`],
      'list.csv': [['image', ...names.map((name) => `label:${name}`)].join(), 'a.nii,1,1,1'],
    })
    for (const list of ['list.jsonl', 'list.csv']) {
      const { labels: counts } = await checkDataset(await openTable(join(folder, list)))
      expect(Object.entries(counts)).toEqual(names.map((name) => [name, { present: 1, labelled: 1 }]))
    }
  })

  test('the same findings whatever is read at a time', async () => {
    const dataset = await faultyDataset()
    expect(await checkDataset(dataset, { concurrency: 8 })).toEqual(await checkDataset(dataset, { concurrency: 1 }))
    await expect(checkDataset(dataset, { concurrency: 0 })).rejects.toThrow(/concurrency 0/)
    await expect(checkDataset(dataset, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
  })

  test('a reader that throws anything is a finding', async () => {
    const study: Study = { id: 's', patient: 'p', images: [{ name: 'i', source: { kind: 'volume', path: 'x' } }] }
    const dataset: Dataset = { name: 'd', folder: '', licence: '', studies: [study], problems: [], notes: [] }
    const fail = () => Promise.reject('no Error')
    expect((await checkDataset(dataset, { readers: { volume: fail } })).findings).toMatchObject([
      { kind: 'broken-image', message: 'no Error' },
    ])
    const odd = { ...countingVolume([2, 2, 2]), offset: 99 }
    const { findings } = await checkDataset(dataset, { readers: { volume: () => Promise.resolve(odd) } })
    expect(kinds(findings)).toEqual(['broken-image: i'])
  })

  test('masks on another grid, and values that dataset.json does not name', async () => {
    const source = (path: string) => ({ kind: 'volume', path }) as const
    const study: Study = { id: 's', patient: 'p', images: [{ name: 'i', source: source('i'), mask: source('m') }] }
    const dataset: Dataset = {
      ...{ name: 'd', folder: '', licence: '', studies: [study], problems: [], notes: [] },
      maskLabels: { 0: 'background', 1: 'liver' },
    }
    const volumes = { i: countingVolume([2, 2, 2]), m: countingVolume([1, 1, 3]) }
    const readers = { volume: (path: string) => Promise.resolve(volumes[path as 'i' | 'm']) }
    const { findings } = await checkDataset(dataset, { readers })
    expect(kinds(findings)).toEqual(['mask-grid: i', 'mask-labels: i'])
  })
})

describe('overlaps', () => {
  test('a leak is found if and only if something is shared across splits', () => {
    const anyStudy = fc.record({
      patient: fc.integer({ min: 0, max: 4 }),
      text: fc.integer({ min: 0, max: 4 }),
      split: fc.constantFrom('train', 'test', undefined),
    })
    fc.assert(
      fc.property(fc.array(anyStudy, { maxLength: 8 }), (list) => {
        const studies = list.map(
          ({ patient, text, split }, n): Study => ({
            ...{ id: `s${n}`, patient: `p${patient}`, images: [], report: { text: `t${text}` } },
            ...(split && { split }),
          }),
        )
        const crosses = (same: (a: Study, b: Study) => boolean) =>
          studies.some((a) => studies.some((b) => same(a, b) && a.split && b.split && a.split !== b.split))
        const found = (kind: string) => findOverlaps(studies, []).some((overlap) => overlap.kind === kind)
        expect(found('leak-patient')).toBe(crosses((a, b) => a.patient === b.patient))
        if (found('leak-text')) expect(crosses((a, b) => a.report!.text === b.report!.text)).toBe(true)
        if (crosses((a, b) => a.report!.text === b.report!.text && a.patient !== b.patient)) {
          expect(found('leak-text')).toBe(true)
        }
      }),
    )
  })
})

test('the HTML summary holds everything, escaped', async () => {
  const check = await checkDataset(await faultyDataset())
  const html = dataCheckHtml({
    ...check,
    name: '<script>alert(1)</script>',
    findings: [{ kind: 'broken-image', severity: 'problem', names: ['"a" & <b>'], message: '<i>' }],
  })
  expect(html).not.toContain('<script>')
  expect(html).toContain('&quot;a&quot; &amp; &lt;b&gt;')
  expect(html).toContain('problems: 1')
  expect(html).not.toMatch(/(src|href)=/)
})

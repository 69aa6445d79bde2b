import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  ctRateEvaluationStudies,
  DataError,
  openDataset,
  parseDecomposition,
  phantomCase,
  phantomFindings,
  phantomLayouts,
  phantomSeeds,
  phantomStudy,
  prepareFvlmScan,
  readImage,
  type WritePhantomsOptions,
  writePhantoms,
} from '../../../src/data/index.js'
import { sameBytes } from '../helpers.js'

const root = await mkdtemp(join(tmpdir(), 'voxgrad-phantoms-'))
afterAll(() => rm(root, { recursive: true, force: true }))

const shape: [number, number, number] = [24, 18, 24]

async function written(
  layout: WritePhantomsOptions['layout'],
  name: string,
  more: Partial<WritePhantomsOptions> = {},
): Promise<{ folder: string; options: WritePhantomsOptions }> {
  const folder = join(root, `${layout}-${name}`)
  const options = { layout, folder, split: 'train', count: 3, shape, ...more } as const
  await writePhantoms(options)
  return { folder, options }
}

describe('written phantoms', () => {
  test('are read as CT-RATE', async () => {
    const { folder } = await written('ct-rate', 'read')
    await writePhantoms({ layout: 'ct-rate', folder, split: 'validation', count: 2, shape })
    const dataset = await openDataset(folder)
    expect(dataset.name).toBe('CT-RATE')
    expect(dataset.problems).toEqual([])
    expect(dataset.studies.map(({ id, split }) => `${id} ${split}`)).toEqual([
      ...['train_1_a train', 'train_2_a train', 'train_3_a train', 'valid_1_a validation', 'valid_2_a validation'],
    ])
    const [first] = dataset.studies
    const phantom = phantomStudy(0, { shape })
    expect(first!.report!.findings).toBe(phantom.report.findings)
    expect(first!.report!.impression).toBe(phantom.report.impression)
    expect(first!.labels!['Hiatal hernia']).toBe(phantom.labels['Hiatal hernia'])
    expect(first!.labels!['Medical material']).toBe(phantom.catheter ? 1 : 0)
    const [volume, mask] = [await readImage(first!.images[0]!.source), await readImage(first!.images[0]!.mask!)]
    expect(sameBytes(volume.data, phantom.volume.data)).toBe(true)
    expect(sameBytes(mask.data, phantom.masks.data)).toBe(true)
    expect(ctRateEvaluationStudies(dataset)).toHaveLength(5)
    const labels = await readFile(join(folder, 'phantom_labels/train_labels.csv'), 'utf8')
    expect(labels.split('\n')[1]).toBe(
      `train_1_a_1.nii.gz,${phantomFindings.map((name) => phantom.labels[name]).join()}`,
    )
  })

  test('are read as M3D-Cap', async () => {
    const { folder } = await written('m3d-cap', 'read')
    await writePhantoms({ layout: 'm3d-cap', folder, split: 'test', count: 1, shape })
    const dataset = await openDataset(folder)
    expect(dataset.name).toBe('M3D-Cap')
    expect(dataset.problems).toEqual([])
    expect(dataset.studies.map(({ split }) => split)).toEqual(['train', 'train', 'train', 'test'])
    const { report } = phantomCase(phantomSeeds('test', 1)[0]!)
    expect(dataset.studies[3]!.report!.text).toBe(`${report.findings}\n${report.impression}`)
    const slices = await readImage(dataset.studies[0]!.images[0]!.source)
    expect(slices.shape).toEqual([shape[1], shape[0], shape[2]])
    const { volume } = phantomStudy(0, { shape })
    const [i, j, k] = [10, 7, 13]
    const hu = volume.data[i + shape[0] * (j + shape[1] * k)]!
    const grey = slices.data[(j * shape[0] + i) * shape[2] + k]!
    expect(grey).toBe(Math.round(255 * Math.min(Math.max((hu + 1000) / 2000, 0), 1)))
  })

  test('are read as scans with anatomies by fVLM', async () => {
    const { folder } = await written('fvlm', 'read')
    const dataset = await openDataset(folder)
    expect(dataset.problems).toEqual([])
    expect(dataset.studies.map(({ id }) => id)).toEqual(['train_1_a', 'train_2_a', 'train_3_a'])
    const phantom = phantomStudy(2, { shape })
    expect(dataset.studies[2]!.labels).toEqual(phantom.labels)
    const texts = await Promise.all(
      ['desc_info.json', 'conc_info.json'].map((file) => readFile(join(folder, 'train', file), 'utf8')),
    )
    expect(parseDecomposition(texts[0]!).train_3_a).toEqual(phantom.decomposition.findings)
    expect(parseDecomposition(texts[1]!).train_3_a).toEqual(phantom.decomposition.impression)
    const { source, mask } = dataset.studies[2]!.images[0]!
    const prepared = prepareFvlmScan(await readImage(source), await readImage(mask!), {
      preprocessing: { spacingMm: [8, 8, 8], windowHu: [-1150, 350], margin: [1, 1, 1], leastExtents: [8, 8, 8] },
    })
    expect(new Set(prepared.labels)).toEqual(new Set([0, 1, 2, 3, 4]))
  })
})

describe('an interrupted run', () => {
  test.each(phantomLayouts)('goes on where it was: %s', async (layout) => {
    const folder = join(root, `${layout}-stopped`)
    const stop = new AbortController()
    const options = { layout, folder, split: 'train', count: 3, shape } as const
    const onProgress = (done: number) => done === 2 && stop.abort()
    await expect(writePhantoms({ ...options, onProgress, signal: stop.signal })).rejects.toThrow()
    await expect(writePhantoms(options)).resolves.toEqual({ made: 1, kept: 2 })
    const { folder: whole } = await written(layout, 'whole')
    const [resumed, straight] = [await openDataset(folder), await openDataset(whole)]
    expect(resumed.studies.map(({ id, report }) => [id, report])).toEqual(
      straight.studies.map(({ id, report }) => [id, report]),
    )
    // More of them later.
    await expect(writePhantoms({ ...options, count: 4 })).resolves.toEqual({ made: 1, kept: 3 })
    expect((await openDataset(folder)).studies).toHaveLength(4)
    await expect(writePhantoms({ ...options, count: 1 })).resolves.toEqual({ made: 0, kept: 1 })
    expect((await openDataset(folder)).studies).toHaveLength(4)
  })
})

describe('refuses', () => {
  test('a split that the layout does not have', async () => {
    await expect(written('ct-rate', 'test', { split: 'test' })).rejects.toThrow(/no test split/)
    await expect(stat(join(root, 'ct-rate-test'))).rejects.toThrow()
  })

  test('a folder of other phantoms', async () => {
    const { options } = await written('fvlm', 'other', { count: 1 })
    for (const change of [
      { shape: [8, 8, 8] as const },
      { difficulty: 1 },
      { layout: 'ct-rate' as const },
      { first: 3 },
    ]) {
      await expect(writePhantoms({ ...options, ...change })).rejects.toThrow(/other settings/)
    }
    await writeFile(join(options.folder, 'phantoms.json'), '{}')
    await expect(writePhantoms(options)).rejects.toThrow(DataError)
  })
})

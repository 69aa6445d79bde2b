/** `voxgrad train` on data sets as they lie on disk, made by `voxgrad phantom`. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDataset, openSafetensors, phantomVocabulary } from '../../src/data/index.js'
import { colipriModels, velvetPhantom } from '../../src/train/recipes/index.js'

const program = fileURLToPath(new URL('../../bin/voxgrad.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'voxgrad-train-data-'))
afterAll(() => rmSync(folder, { recursive: true }))

function voxgrad(...options: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...options], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
    })
  })
}

async function makePhantoms(layout: string): Promise<void> {
  for (const [split, count] of Object.entries({ train: 4, validation: 2 })) {
    const made = [
      '--layout',
      layout,
      '--split',
      split,
      '--out',
      layout,
      '--count',
      String(count),
      '--shape',
      '32,24,32',
    ]
    expect(await voxgrad('phantom', ...made)).toMatchObject({ code: 0 })
  }
}

const { smoke } = colipriModels
/** 16³ voxels: eight patches. */
const colipri = { ...smoke, image: { ...smoke.image, inputSize: [16, 16, 16], spacingMm: [24, 24, 24] } }
const velvet = {
  vision: { ...velvetPhantom.vision, features: 8, depths: [1, 1, 1], heads: [1, 2, 2], window: 4 },
  text: { ...velvetPhantom.text, features: 24, hiddenFeatures: 48, textLayers: 1, fusionLayers: 1, heads: 2 },
  projectionFeatures: 16,
}

/** Two steps of a recipe; what metrics.jsonl has then. JSON is YAML. */
async function train(name: string, config: Record<string, unknown>): Promise<Record<string, number | string>[]> {
  const training = { steps: 2, batchSize: 4, workers: 1, ...(config.train as object) }
  writeFileSync(join(folder, `${name}.yaml`), JSON.stringify({ ...config, train: training }))
  const { code, stderr, stdout } = await voxgrad('train', `${name}.yaml`, '--out', name)
  expect(code, stderr).toBe(0)
  expect(stdout).toContain('2 steps (model.safetensors)')
  const text = readFileSync(join(folder, name, 'metrics.jsonl'), 'utf8').trim()
  return text.split('\n').map((line) => JSON.parse(line))
}

beforeAll(async () => {
  writeFileSync(join(folder, 'vocab.txt'), phantomVocabulary().tokens().join('\n'))
  await makePhantoms('ct-rate')
  await makePhantoms('m3d-cap')
})

describe('voxgrad train', () => {
  it('CT-RATE: COLIPRI-CRM in f16, with blocks computed again and the contrast over all chunks', async () => {
    const lines = await train('crm', {
      ...{ recipe: 'colipri-crm', model: colipri },
      data: { source: 'ct-rate', folder: 'ct-rate', vocabulary: 'vocab.txt' },
      train: { precision: 'f16', checkpointing: true, microBatchSize: 2, gradientCaching: true },
    })
    expect(lines.map(({ step, split }) => [step, split])).toEqual([
      [1, undefined],
      [2, undefined],
      [2, 'validation'],
    ])
    expect(lines[0]).toMatchObject({ lossScale: 32768, loss: expect.any(Number), generation: expect.any(Number) })
    await using file = await openSafetensors(join(folder, 'crm', 'model.safetensors'))
    expect(new Set(file.names.map((tensor) => file.header(tensor).dtype))).toEqual(new Set(['F32']))
  })

  it('a CSV with labels, and one without', async () => {
    const { studies } = await openDataset(join(folder, 'ct-rate'))
    const labels = ['Pericardial effusion', 'Cardiomegaly']
    const cell = (text: string) => `"${text.replaceAll('"', '""')}"`
    const write = (name: string, columns: readonly string[]) => {
      const rows = studies.map(({ id, split, report, images: [image], labels: own }) => [
        relative(folder, (image!.source as { path: string }).path),
        ...[id, split!, report!.text].map(cell),
        ...columns.map((label) => own![label]!),
      ])
      const header = ['image', 'id', 'split', 'report', ...columns.map((label) => `label:${label}`)]
      writeFileSync(join(folder, name), [header, ...rows].map((row) => row.join()).join('\n'))
    }
    write('labelled.csv', labels)
    write('plain.csv', [])
    const config = (file: string) => ({
      ...{ recipe: 'clip3d', model: colipri },
      data: { source: 'table', file, vocabulary: 'vocab.txt' },
    })
    expect(Object.keys((await train('labelled', config('labelled.csv'))).at(-1)!)).toContain('macroAuroc')
    expect(Object.keys((await train('plain', config('plain.csv'))).at(-1)!).join()).toMatch(/recall/i)
  })

  it('M3D-Cap: VELVET-Med', async () => {
    const lines = await train('velvet', {
      ...{ recipe: 'velvet', model: velvet, side: 32, cropSide: 32 },
      data: { source: 'm3d-cap', folder: 'm3d-cap', vocabulary: 'vocab.txt', minSlices: 8 },
    })
    expect(lines.map(({ split }) => split)).toEqual([undefined, undefined, 'validation'])
    expect(lines[0]).toMatchObject({ report: expect.any(Number), matching: expect.any(Number) })
  })
}, 120_000)

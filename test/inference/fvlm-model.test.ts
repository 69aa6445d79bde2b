import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeChestPhantom, openWeights } from '../../src/data/index.js'
import { sizeOf } from '../../src/engine/index.js'
import { loadModel, type ScoredOrgans, writeRandomWeights } from '../../src/inference/index.js'
import { Fvlm, type FvlmConfig, fvlmFindings, fvlmPublished } from '../../src/models/index.js'
import { testDevice } from '../support/device.js'
import { phantomOrgans, tinyFvlm } from '../support/fvlm.js'

const device = await testDevice()

let folder = ''
let weights = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxgrad-fvlm-'))
  weights = join(folder, 'w.safetensors')
  await writeRandomWeights(weights, { model: 'fvlm', config: tinyFvlm, seed: 1 })
})
afterAll(() => rm(folder, { recursive: true }))

const { volume, labels } = makeChestPhantom({ seed: 3, shape: [40, 36, 30], spacingMm: [4, 4, 5] })
const load = (options: { dtype?: 'f32' | 'f16' } = {}) =>
  loadModel('fvlm', { device, weights, preprocessing: { mapping: phantomOrgans }, ...options })

describe("the trainer's checkpoint, written by PyTorch", () => {
  const path = fileURLToPath(new URL('./fixtures/fvlm-model.pth', import.meta.url))
  const config: FvlmConfig = {
    ...fvlmPublished,
    vision: {
      ...{ patch: [4, 4, 8], trainingGrid: [2, 3, 2], features: 8, depth: 2, heads: 2, hiddenFeatures: 12 },
      ...{ taps: [0], dropout: 0.1 },
    },
    projectionFeatures: 4,
    text: {
      ...{ vocabulary: 160, features: 8, layers: 1, heads: 2, hiddenFeatures: 12, positions: 16, length: 16 },
      dropout: 0.25,
    },
    evaluationWindow: [8, 12, 16],
  }

  it('loads value by value, without its leftovers', async () => {
    await using source = await openWeights(path)
    using model = await new Fvlm(device, { config }).load(source)
    const names = source.names.filter((name) => name.startsWith('model.')).map((name) => name.slice(6))
    expect(await model.temperature.value.item()).toBe(0.0625)
    for (const { name, value, declaration } of model.parameters.parameters.values()) {
      if (name === 'temp') continue
      const n = names.indexOf(name)
      const want = Array.from({ length: sizeOf(declaration.shape) }, (_, i) => (((7 * i + 3 * n) % 11) - 5) / 16)
      expect([...(await value.data())], name).toEqual(want)
    }
  })

  it('makes a model that scores, and none with another architecture', async () => {
    const words = await readFile(new URL('../golden/cases/fvlm/toy-vocab.txt', import.meta.url), 'utf8')
    const vocabulary = join(folder, 'vocab.txt')
    await writeFile(vocabulary, words.split('\n').slice(0, config.text.vocabulary).join('\n'))
    const preprocessing = { mapping: phantomOrgans }
    using model = await loadModel('fvlm', { device, weights: path, config, vocabulary, preprocessing })
    const { findings } = await model.zeroShot(volume, labels)
    expect(findings.filter(({ probability }) => probability !== undefined)).toHaveLength(15)
    await expect(loadModel('fvlm', { device, weights: path })).rejects.toThrow('fvlm-model.pth')
  })
})

describe('loadModel of fvlm', () => {
  it('says where the weights come from, and refuses those of another model', async () => {
    await expect(loadModel('fvlm', { device })).rejects.toThrow(/model\.pth.*authors/)
    await expect(loadModel('colipri', { device, weights })).rejects.toThrow('weights of fvlm, not of colipri')
  })

  it('refuses a mapping without one of the organs', async () => {
    const preprocessing = { mapping: { lung: [2, 3], heart: [5] } }
    await expect(loadModel('fvlm', { device, weights, preprocessing })).rejects.toThrow('esophagus, aorta')
  })

  it('tells what it is', async () => {
    using model = await load()
    expect(await model.fingerprint()).toMatch(/^fvlm:[0-9a-f]{16}:LPS$/)
    expect(model.note).toContain('random')
    expect(model.config).toEqual(tinyFvlm)
  })
})

describe('scoring', () => {
  it('gives each organ its vector and names what the mask does not show', async () => {
    using model = await load()
    const { organs, absent, passes } = await model.embedOrgans(volume, labels)
    expect(organs.map(({ anatomy }) => anatomy)).toEqual(['lung', 'heart', 'aorta'])
    expect(absent).toEqual(['esophagus'])
    expect(passes).toBeLessThanOrEqual(3)
    const scored = await model.zeroShot(volume, labels)
    expect(scored.missing).toEqual(['Hiatal hernia'])
    for (const { probability, label } of scored.findings) {
      if (label !== 'Hiatal hernia') expect(probability! > 0 && probability! < 1, label).toBe(true)
    }
    await expect(model.zeroShot(volume, undefined)).rejects.toThrow(/mask.*TotalSegmentator -i/)
  })

  it('gives the same in worker threads, and passes over what fails', async () => {
    using model = await load()
    const alone = await model.zeroShot(volume, labels)
    const failures: string[] = []
    const scored: ScoredOrgans[] = []
    const items = [
      { scan: volume, mask: labels },
      { scan: volume, mask: undefined },
      { scan: volume, mask: labels },
    ]
    const scans = model.scoreScans(items, { workers: 1, onFailure: ({ message }) => failures.push(message) })
    for await (const scan of scans) scored.push(scan)
    expect(scored.map(({ index }) => index)).toEqual([0, 2])
    expect(scored[1]!.findings).toEqual(alone.findings)
    expect(failures).toEqual([expect.stringContaining('needs a mask')])
  })

  it('takes findings of its organs only', async () => {
    using model = await load()
    const cavitation = { anatomy: 'lung', label: 'Cavitation', wording: 'Cavitation' }
    const { findings } = await model.zeroShot(volume, labels, { findings: [cavitation] })
    expect(findings).toHaveLength(1)
    await expect(model.prompts([{ ...cavitation, anatomy: 'liver' }])).rejects.toThrow('liver')
  })

  it.skipIf(!device.capabilities.f16)('in f16 stays within 0.005 of the probabilities in f32', async () => {
    using single = await load()
    using half = await load({ dtype: 'f16' })
    const [a, b] = [await single.zeroShot(volume, labels), await half.zeroShot(volume, labels)]
    for (const [n, { probability }] of fvlmFindings.map((_, i) => [i, a.findings[i]!] as const)) {
      if (probability !== undefined) expect(Math.abs(b.findings[n]!.probability! - probability)).toBeLessThan(0.005)
    }
    for (const [n, { embedding }] of a.organs.entries()) {
      const cosine = embedding.reduce((sum, value, i) => sum + value * b.organs[n]!.embedding[i]!, 0)
      expect(cosine).toBeGreaterThan(0.9999)
    }
  })
})

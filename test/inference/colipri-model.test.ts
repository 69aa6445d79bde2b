/** COLIPRI from files to vectors, probabilities and maps, on the software adapter with small random weights. */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  applyAffine,
  type LoaderError,
  makeChestPhantom,
  openSafetensors,
  openWeights,
  preprocess,
  readVolume,
  writeNifti,
  writeSafetensors,
} from '../../src/data/index.js'
import { noGrad, tensor } from '../../src/engine/index.js'
import { type ColipriModel, loadModel, pipeline, writeRandomWeights } from '../../src/inference/index.js'
import { Colipri, type ColipriConfig, colipriPreprocessing, windowStarts } from '../../src/models/index.js'
import { fakeHub } from '../data/hub/fake-hub.js'
import { largestError } from '../support/arrays.js'
import { tinyConfig } from '../support/colipri.js'
import { testDevice } from '../support/device.js'

const golden = fileURLToPath(new URL('../golden/cases/colipri/tiny_a.checkpoint.safetensors', import.meta.url))

let folder = ''
let weights = ''
let scans: string[] = []
let model: ColipriModel

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxgrad-inference-'))
  weights = join(folder, 'weights.safetensors')
  await writeRandomWeights(weights, { config: tinyConfig, seed: 5 })
  scans = [1, 2, 3].map((seed) => join(folder, `scan-${seed}.nii.gz`))
  for (const [n, path] of scans.entries()) {
    const { volume } = makeChestPhantom({ seed: n, shape: [40, 36, 30], spacingMm: [9, 9, 10] })
    await writeNifti(path, volume)
  }
  model = await loadModel('colipri', { weights, device: await testDevice() })
})

afterAll(async () => {
  model.dispose()
  await rm(folder, { recursive: true })
})

describe('ColipriModel', () => {
  it('gives unit vectors, the same from a path, a volume and bytes', async () => {
    const fromPath = await model.encodeImage(scans[0]!)
    const volume = await readVolume(scans[0]!)
    expect(fromPath).toHaveLength(tinyConfig.projectionFeatures)
    expect(Math.hypot(...fromPath)).toBeCloseTo(1, 6)
    expect(await model.encodeImage(volume)).toEqual(fromPath)
    expect(await model.encodeImage({ kind: 'volume', path: scans[0]! })).toEqual(fromPath)
  })

  it('places patches in the scanner', async () => {
    const dense = await model.encodeImage(scans[0]!, { pool: false })
    expect(dense.shape).toEqual([2, 3, 4, 32])
    const vector = dense.data.subarray(0, 32)
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
    // The middle of the grid of patches is the middle of the scan: cropping and padding are centred.
    const { shape, affine } = await readVolume(scans[0]!)
    const middle = (size: readonly number[]) =>
      size.slice(0, 3).map((extent) => (extent - 1) / 2) as [number, number, number]
    const patches = applyAffine(dense.affine, middle(dense.shape))
    const scan = applyAffine(affine, middle(shape))
    for (const axis of [0, 1, 2]) expect(Math.abs(patches[axis]! - scan[axis]!)).toBeLessThan(8.1)
    const backbone = await model.encodeImage(scans[0]!, { pool: false, project: false })
    expect(backbone.shape).toEqual([2, 3, 4, 48])
  })

  it('encodes many scans in order, in threads, and passes over broken ones when asked to', async () => {
    const broken = join(folder, 'broken.nii.gz')
    await writeFile(broken, 'no scan')
    const list = [scans[0]!, broken, scans[1]!, scans[2]!]
    const failures: LoaderError[] = []
    const progress: number[] = []
    const found: Record<string, Float32Array> = {}
    const options = { workers: 1, hash: true, dense: 'projected', batchSize: 2 } as const
    for await (const scan of model.encodeImages(list, {
      ...options,
      onFailure: (failure) => failures.push(failure),
      onProgress: ({ done }) => progress.push(done),
    })) {
      found[scan.name] = scan.embedding
      expect(scan.sha256).toMatch(/^[0-9a-f]{64}$/)
      expect(scan.dense!.shape).toEqual([2, 3, 4, 32])
      expect(Object.keys(scan.timesMs)).toEqual(['read and preprocess', 'hash', 'encode'])
    }
    expect(Object.keys(found)).toEqual(scans)
    expect(failures.map(({ item }) => item)).toEqual([broken])
    expect(progress).toEqual([2, 4])
    for (const path of scans) expect(largestError(found[path]!, await model.encodeImage(path))).toBeLessThan(1e-6)
    await expect(async () => {
      for await (const scan of model.encodeImages([broken])) expect(scan).toBeUndefined()
    }).rejects.toThrow(broken)
  })

  it('asks for findings with two prompts each', async () => {
    const embedding = await model.encodeImage(scans[0]!)
    const [nodule, effusion] = await model.zeroShot(embedding, { findings: ['Lung nodule', 'Pleural effusion'] })
    expect(nodule!.prompts).toEqual({ positive: 'Lung nodule', negative: 'No lung nodule' })
    const { positive, negative } = effusion!.similarity
    expect(effusion!.probability).toBeCloseTo(1 / (1 + Math.exp(negative - positive)), 12)
    const again = await model.zeroShot(scans[0]!, {
      findings: ['CT artefact'],
      prompts: 'sentence',
    })
    expect(again[0]!.prompts.negative).toBe('CT artefact is not present.')
    await expect(model.zeroShot(embedding, { findings: [' '] })).rejects.toThrow('a finding is empty')
  })

  it('draws similarity over the grid of the scan', async () => {
    const scan = await readVolume(scans[1]!)
    const maps = await model.similarityMap(scan, ['effusion', 'nodule'])
    const dense = await model.encodeImage(scan, { pool: false })
    const one = await model.similarityMap(dense, 'effusion')
    expect(maps[0]!.data).toEqual(one.data)
    expect(one.shape).toEqual(scan.shape)
    expect(one.affine).toEqual(scan.affine)
    const known = Array.from(one.data).filter((value) => !Number.isNaN(value))
    expect(known.length).toBeGreaterThan(one.data.length / 4)
    for (const value of known) expect(Math.abs(value)).toBeLessThanOrEqual(1.0001)
    expect(maps[1]!.data).not.toEqual(one.data)
    const path = join(folder, 'map.nii.gz')
    await writeNifti(path, one)
    expect((await readVolume(path)).shape).toEqual(scan.shape)
  })

  it('pools texts with and without padding, as the releases of the published package do', async () => {
    const device = await testDevice()
    using unmasked = await loadModel('colipri', { weights, device, textPooling: 'unmasked' })
    const texts = ['a', 'nodule']
    const [masked, other] = [await model.encodeText(texts), await unmasked.encodeText(texts)]
    expect(largestError(masked[0]!, other[0]!)).toBeGreaterThan(1e-4)
    // Neither may depend on what stands beside a text.
    expect(largestError(await model.encodeText('a'), masked[0]!)).toBeLessThan(2e-6)
    expect(await unmasked.encodeText('a')).toEqual(other[0])
  })

  it('stops when told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(model.encodeImage(scans[0]!, { signal })).rejects.toThrow('enough')
    await expect(model.encodeText(['never seen'], { signal })).rejects.toThrow('enough')
    const controller = new AbortController()
    const seen: string[] = []
    await expect(async () => {
      for await (const { name } of model.encodeImages(scans, { workers: 0, signal: controller.signal })) {
        seen.push(name)
        controller.abort(new Error('enough'))
      }
    }).rejects.toThrow('enough')
    expect(seen).toEqual([scans[0]])
  })

  it('evaluates with eight windows at half the spacing', async () => {
    const device = await testDevice()
    using fine = await loadModel('colipri', { weights, device, preprocessing: { route: 'evaluation' } })
    const dense = await fine.encodeImage(scans[0]!, { pool: false })
    expect(dense.shape).toEqual([4, 6, 8, 32])
    // The same as the tower's own windows, which the golden cases hold to the reference.
    const backbone = await fine.encodeImage(scans[0]!, { pool: false, project: false })
    using tower = new Colipri(device, { config: tinyConfig, imageOnly: true })
    await using source = await openWeights(weights)
    await tower.load(source)
    const steps = colipriPreprocessing(tinyConfig, { route: 'evaluation' })
    const { data, shape } = preprocess(await readVolume(scans[0]!), steps)
    expect(shape).toEqual([32, 48, 64])
    using volume = tensor(device, data as Float32Array, [1, ...shape, 1])
    const size = tinyConfig.image.inputSize
    const starts = size.map((extent, axis) => windowStarts(shape[axis]!, extent)) as [number[], number[], number[]]
    const { tokens } = noGrad(() => tower.image.encodeWindows(volume, size, starts))
    expect(largestError(backbone.data, await tokens.data())).toBeLessThan(1e-5)
    tokens.dispose()
    const pooled = await fine.encodeImage(scans[0]!)
    expect(Math.hypot(...pooled)).toBeCloseTo(1, 6)
    expect(await fine.fingerprint()).not.toBe(await model.fingerprint())
  })

  it('pools over windows whose tokens are together beyond the binding limit', async () => {
    const device = await testDevice()
    const whole = device.capabilities.maxBindingBytes
    const limits = device.capabilities as { maxBindingBytes: number }
    const image = {
      ...tinyConfig.image,
      inputSize: [64, 64, 64],
      spacingMm: [6, 6, 6],
    } satisfies ColipriConfig['image']
    const config = { ...tinyConfig, image, projectionFeatures: 256 }
    const path = join(folder, 'wide.safetensors')
    await writeRandomWeights(path, { config, seed: 1 })
    const options = { weights: path, device, imageOnly: true, preprocessing: { route: 'evaluation' } } as const
    using wide = await loadModel('colipri', options)
    const pooled = await wide.encodeImage(scans[0]!)
    const tokens = 8 * 8 ** 3
    try {
      limits.maxBindingBytes = (tokens * 256 * 4) / 2
      expect(await wide.encodeImage(scans[0]!)).toEqual(pooled)
      const dense = await wide.encodeImage(scans[0]!, { pool: false })
      expect(dense.shape).toEqual([16, 16, 16, 256])
    } finally {
      limits.maxBindingBytes = whole
    }
  })

  it('gives the same vectors in f16', async () => {
    const device = await testDevice()
    if (!device.capabilities.f16) return
    using half = await loadModel('colipri', { weights, device, dtype: 'f16' })
    const [a, b] = [await model.encodeImage(scans[0]!), await half.encodeImage(scans[0]!)]
    expect(cosine(a, b)).toBeGreaterThan(0.9995)
    expect(cosine(await model.encodeText('nodule'), await half.encodeText('nodule'))).toBeGreaterThan(0.9995)
  })

  it('leaves no memory behind', async () => {
    const { device } = model
    await model.encodeImage(scans[0]!, { pool: false })
    const before = device.memory().liveBytes
    await model.encodeImage(scans[0]!)
    await model.encodeImage(scans[0]!, { pool: false })
    await model.encodeText('some other text')
    expect(device.memory().liveBytes).toBe(before)
  })
})

describe('loadModel', () => {
  it('takes the configuration, the note and the vocabulary from the weights', () => {
    expect(model.config).toEqual(tinyConfig)
    expect(model.note).toContain('random')
  })

  it('takes the temperature of the weights and passes over position ids', async () => {
    await using file = await openSafetensors(golden)
    const tensors = new Map(await Promise.all(file.names.map(async (name) => [name, await file.read(name)] as const)))
    tensors.set('softmax_temperature', { dtype: 'F32', shape: [], data: Float32Array.of(0.25) })
    const ids = BigInt64Array.from({ length: 16 }, (_, n) => BigInt(n))
    tensors.set('text_encoder.backbone.embeddings.position_ids', { dtype: 'I64', shape: [1, 16], data: ids })
    const path = join(folder, 'with-temperature.safetensors')
    await writeSafetensors(path, tensors)
    using loaded = await loadModel('colipri', { weights: path, config: tinyConfig, device: await testDevice() })
    expect(loaded.softmaxTemperature).toBe(0.25)
    expect(model.softmaxTemperature).toBe(1)
  })

  it('reports how far it is, and stops when told to', async () => {
    const device = await testDevice()
    const stages: number[] = []
    const onProgress = (progress: { stage: string; loadedTensors?: number }) =>
      stages.push(progress.loadedTensors ?? -1)
    ;(await loadModel('colipri', { weights, device, imageOnly: true, onProgress })).dispose()
    expect(stages).toEqual(Array.from({ length: stages.length }, (_, n) => n + 1))
    const live = device.memory().liveBytes
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(loadModel('colipri', { weights, device, signal })).rejects.toThrow('enough')
    expect(device.memory().liveBytes).toBe(live)
  })

  it('refuses text where there is no text tower, and vocabularies that are too large', async () => {
    const device = await testDevice()
    using imageOnly = await loadModel('colipri', { weights, device, imageOnly: true })
    await expect(imageOnly.encodeText('x')).rejects.toThrow('imageOnly')
    const vocabulary = join(folder, 'vocab.txt')
    const words = Array.from({ length: 80 }, (_, n) => `word${n}`)
    await writeFile(vocabulary, ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...words].join('\n'))
    using wrong = await loadModel('colipri', { weights, device, vocabulary })
    await expect(wrong.encodeText('x')).rejects.toThrow('85 entries, the text tower 64')
  })

  it('takes weights and vocabulary from the hub, once', async () => {
    // As they are published: without a configuration, a vocabulary or a note in the file.
    await using file = await openSafetensors(weights)
    const tensors = new Map(await Promise.all(file.names.map(async (name) => [name, await file.read(name)] as const)))
    const plain = join(folder, 'published.safetensors')
    await writeSafetensors(plain, tensors)
    const vocabulary = Buffer.from(file.metadata['voxgrad.vocabulary']!)
    const hub = await fakeHub({
      'model.safetensors': { contents: await readFile(plain), large: true },
      'vocab.txt': { contents: vocabulary },
    })
    vi.stubEnv('HF_ENDPOINT', hub.endpoint)
    vi.stubEnv('HF_HUB_CACHE', join(folder, 'hub'))
    try {
      const stages = new Set<string>()
      const options = { config: tinyConfig, device: await testDevice() }
      using loaded = await loadModel('colipri', { ...options, onProgress: ({ stage }) => stages.add(stage) })
      expect([...stages]).toEqual(['download', 'load'])
      expect(hub.log.some((line) => line.includes('vocab.txt'))).toBe(false)
      expect(await loaded.encodeText('nodule')).toEqual(await model.encodeText('nodule'))
      expect(hub.log.some((line) => line.includes('microsoft/BiomedVLP-CXR-BERT-specialized'))).toBe(true)
      const downloads = () => hub.log.filter((line) => line.startsWith('GET') && !line.includes('/api/')).length
      const before = downloads()
      using again = await loadModel('colipri', options)
      expect(await again.fingerprint()).toBe(await loaded.fingerprint())
      expect(downloads()).toBe(before)
      vi.stubEnv('HF_HUB_CACHE', join(folder, 'nothing'))
      vi.stubEnv('HF_HUB_OFFLINE', '1')
      await mkdir(join(folder, 'alone'))
      const alone = join(folder, 'alone', 'weights.safetensors')
      await rename(plain, alone)
      using mute = await loadModel('colipri', { ...options, weights: alone })
      await expect(mute.encodeText('nodule')).rejects.toThrow(/alone.*need a vocabulary.*--vocabulary.*HF_HUB_OFFLINE/s)
    } finally {
      vi.unstubAllEnvs()
    }
  })

  it('refuses weights of another model', async () => {
    const path = join(folder, 'other.safetensors')
    const tensors = { x: { dtype: 'F32' as const, shape: [1], data: new Float32Array(1) } }
    await writeSafetensors(path, tensors, { 'voxgrad.model': 'velvet' })
    await expect(loadModel('colipri', { weights: path, device: await testDevice() })).rejects.toThrow(
      'weights of velvet',
    )
  })
})

describe('pipeline', () => {
  it('classifies one scan or several, best label first', async () => {
    const classify = await pipeline('zero-shot-ct-classification', 'colipri', { weights, device: await testDevice() })
    const labels = ['Lung nodules', 'No lung nodules', 'Effusion']
    const one = await classify(scans[0]!, labels)
    expect(one.map(({ label }) => label).sort()).toEqual([...labels].sort())
    expect(one.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 12)
    expect(one[0]!.score).toBeGreaterThanOrEqual(one[1]!.score)
    const many = await classify([scans[0]!, scans[1]!], labels, {})
    expect(many).toHaveLength(2)
    for (const [n, { label, score }] of many[0]!.entries()) {
      expect(label).toBe(one[n]!.label)
      expect(score).toBeCloseTo(one[n]!.score, 6)
    }
    classify.dispose()
  })
})

function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, n) => sum + value * b[n]!, 0)
}

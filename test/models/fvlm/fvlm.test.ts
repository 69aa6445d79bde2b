import { describe, expect, it, vi } from 'vitest'
import { backward, Generator, scope, sizeOf, tensor } from '../../../src/engine/index.js'
import { sum } from '../../../src/kernels/index.js'
import {
  embedBatch,
  embedOrgans,
  FindingPrompts,
  Fvlm,
  type FvlmConfig,
  fvlmConfigSchema,
  fvlmFindings,
  fvlmLoss,
  fvlmPublished,
  initializeFromMae,
  maeName,
  normalTemplate,
  type TextTokenizer,
  type WeightSource,
  WeightsError,
  zeroShot,
  zeroShotProbability,
} from '../../../src/models/index.js'
import { testDevice } from '../../support/device.js'

const device = await testDevice()

const config: FvlmConfig = {
  ...fvlmPublished,
  vision: {
    patch: [2, 2, 4],
    trainingGrid: [2, 3, 2],
    features: 16,
    depth: 3,
    heads: 2,
    hiddenFeatures: 24,
    taps: [0, 1],
    dropout: 0.1,
  },
  poolingHeads: 4,
  projectionFeatures: 8,
  text: {
    vocabulary: 40,
    features: 16,
    layers: 1,
    heads: 2,
    hiddenFeatures: 24,
    positions: 12,
    length: 10,
    dropout: 0.25,
  },
  evaluationWindow: [4, 6, 8],
}

/** A stand-in: letters become ids. */
const tokenizer: TextTokenizer = {
  encodeBatch(texts, { maxLength }) {
    const ids = new Int32Array(texts.length * maxLength)
    const mask = new Int32Array(ids.length)
    for (const [row, text] of texts.entries()) {
      const own = [2, ...Array.from(text.slice(-(maxLength - 2)), (letter) => 5 + (letter.charCodeAt(0) % 35)), 3]
      ids.set(own, row * maxLength)
      mask.fill(1, row * maxLength, row * maxLength + own.length)
    }
    return { shape: [texts.length, maxLength], ids, mask }
  },
}

const extents = [6, 8, 12] as const

/** Boxes `[anatomy number, d0, d1, h0, h1, w0, w1)` painted into a scan of gentle waves. */
function scanWith(...boxes: readonly number[][]) {
  const labels = new Uint8Array(sizeOf(extents))
  for (const [number, d0, d1, h0, h1, w0, w1] of boxes as [number, number, number, number, number, number, number][]) {
    for (let d = d0; d < d1; d++) {
      for (let h = h0; h < h1; h++) labels.fill(number, (d * 8 + h) * 12 + w0, (d * 8 + h) * 12 + w1)
    }
  }
  const image = Float32Array.from(labels, (_, i) => 0.5 + 0.5 * Math.sin(0.3 * i))
  return { image, labels, extents }
}

/** The state of a model as weights, changed by name. */
async function stateOf(model: Fvlm, change: (names: Map<string, Float32Array>) => void = () => {}) {
  const values = new Map<string, Float32Array>()
  for (const { name, declaration, value } of model.parameters.parameters.values()) {
    // Convolutions with one channel are stored alike in both layouts.
    values.set(name, Float32Array.from(await value.data()))
    expect(sizeOf(declaration.shape)).toBe(value.size)
  }
  change(values)
  const shapes = new Map([...model.parameters.parameters].map(([name, { declaration }]) => [name, declaration.shape]))
  const source: WeightSource = {
    path: 'model.pth',
    names: [...values.keys()],
    header: (name) => ({ shape: shapes.get(name.replace(/^model\./, '')) ?? [256, 0], dtype: 'F32' }),
    readFloat32: async (name) => values.get(name)!,
  }
  return source
}

describe('the published configuration', () => {
  it('has the parameters of the published model', () => {
    const parameters = [...new Fvlm(device).parameters.parameters.values()]
    expect(parameters.reduce((total, { shape }) => total + sizeOf(shape), 0)).toBe(204_534_273)
    expect(fvlmConfigSchema.parse(fvlmPublished)).toEqual(fvlmPublished)
  })

  it('is checked when it comes from JSON', () => {
    const wrong = { ...config, vision: { ...config.vision, taps: [3] } }
    expect(fvlmConfigSchema.safeParse(wrong).error?.issues[0]?.path).toEqual(['vision', 'taps'])
  })

  it('has a prompt for 16 findings of four anatomies', () => {
    expect(fvlmFindings).toHaveLength(16)
    expect(new Set(fvlmFindings.map(({ anatomy }) => anatomy))).toEqual(new Set(fvlmPublished.anatomies))
  })
})

describe('loading weights', () => {
  it('takes a trainer checkpoint with leftovers of older code, and gives what was saved', async () => {
    using original = new Fvlm(device, { config }).initialize(3)
    const source = await stateOf(original, (values) => {
      for (const [name, own] of [...values]) {
        values.delete(name)
        values.set(`model.${name}`, own)
      }
      for (const name of ['image_queue', 'queue_ptr', 'text_encoder.cls.predictions.decoder.weight']) {
        values.set(`model.${name}`, new Float32Array(0))
      }
      values.set('optimizer.state.0.exp_avg', new Float32Array(1))
    })
    using copy = await new Fvlm(device, { config }).load(source)
    const scan = scanWith([1, 1, 4, 1, 6, 1, 7])
    const [a, b] = [await embedOrgans(original, scan), await embedOrgans(copy, scan)]
    expect(b.organs[0]!.embedding).toEqual(a.organs[0]!.embedding)
  })

  it('refuses what does not fit, with the list', async () => {
    using original = new Fvlm(device, { config }).initialize(3)
    const source = await stateOf(original, (values) => {
      values.delete('query_tokens')
      values.set('text_encoder.embeddings.token_type_embeddings.weight', new Float32Array(2))
    })
    const failed = await new Fvlm(device, { config }).load(source).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(WeightsError)
    expect((failed as WeightsError).problems).toMatchObject({
      missing: ['query_tokens'],
      extra: ['text_encoder.embeddings.token_type_embeddings.weight'],
    })
  })

  it('starts the image tower from a 2D autoencoder', async () => {
    using donor = new Fvlm(device, { config }).initialize(5)
    using model = new Fvlm(device, { config }).initialize(6)
    const names = new Map<string, string>()
    for (const name of donor.parameters.parameters.keys()) {
      const own = name.startsWith('visual_encoder.') ? maeName(name.slice('visual_encoder.'.length)) : undefined
      if (own) names.set(own, name)
    }
    const state = await stateOf(donor)
    await initializeFromMae(model, {
      path: 'mae.pth',
      names: [...names.keys(), 'decoder_embed.weight'],
      header: (name) => (name === 'pos_embed' ? { shape: [1, 5, 16], dtype: 'F32' } : state.header(names.get(name)!)),
      readFloat32: async (name) =>
        name === 'pos_embed' ? new Float32Array(80).fill(0.25) : state.readFloat32(names.get(name)!),
    })
    const numbersIn = async (from: Fvlm, name: string) => [
      ...(await from.parameters.parameters.get(name)!.value.data()),
    ]
    const block = 'visual_encoder.blocks.1.mlp.linear1.weight'
    expect(await numbersIn(model, block)).toEqual(await numbersIn(donor, block))
    expect(new Set(await numbersIn(model, 'visual_encoder.patch_embedding.position_embeddings'))).toEqual(
      new Set([0.25]),
    )
    await expect(initializeFromMae(model, { ...state, names: [] })).rejects.toThrow(/lacks pos_embed/)
  })
})

describe('embedding organs', () => {
  it('shares a pass between anatomies whose windows are the same, and names those that are absent', async () => {
    using model = new Fvlm(device, { config }).initialize(1)
    const encode = vi.spyOn(model.vision, 'encode')
    const together = await embedOrgans(model, scanWith([1, 1, 4, 1, 5, 1, 6], [2, 2, 3, 2, 4, 2, 5]))
    expect(encode).toHaveBeenCalledTimes(1)
    expect(together.passes).toBe(1)
    expect(together.organs.map(({ anatomy }) => anatomy)).toEqual(['lung', 'heart'])
    expect(together.absent).toEqual(['esophagus', 'aorta'])
    const apart = await embedOrgans(model, scanWith([1, 0, 2, 0, 2, 0, 3], [2, 5, 6, 7, 8, 11, 12]))
    expect(encode).toHaveBeenCalledTimes(1 + 2)
    expect(apart.passes).toBe(2)
    for (const { embedding } of [...together.organs, ...apart.organs]) {
      expect(Math.hypot(...embedding)).toBeCloseTo(1, 5)
    }
  })

  it('gives an anatomy the same vector whatever else the mask shows in its window', async () => {
    using model = new Fvlm(device, { config }).initialize(2)
    const alone = await embedOrgans(model, scanWith([1, 1, 4, 1, 5, 1, 6]))
    const other = await embedOrgans(model, scanWith([1, 1, 4, 1, 5, 1, 6], [4, 5, 6, 6, 8, 8, 12]))
    for (const [i, value] of alone.organs[0]!.embedding.entries()) {
      expect(Math.abs(other.organs[0]!.embedding[i]! - value)).toBeLessThan(1e-5)
    }
  })

  it('refuses a mask of another size', async () => {
    using model = new Fvlm(device, { config }).initialize(1)
    const scan = scanWith([1, 1, 4, 1, 5, 1, 6])
    await expect(embedOrgans(model, { ...scan, labels: new Uint8Array(5) })).rejects.toThrow(/mask of 5 voxels/)
  })
})

describe('zero-shot', () => {
  it('is a softmax over a pair of prompts', () => {
    expect(zeroShotProbability([1, 0], [0, 1], [0, 1], 0.07)).toBe(0.5)
    const want = Math.exp(10) / (Math.exp(10) + Math.exp(2))
    expect(zeroShotProbability([1, 0], [0.2, 0], [1, 0], 0.1)).toBeCloseTo(want, 12)
    expect(zeroShotProbability([1], [1], [-1], 0.001)).toBe(0)
    expect(() => zeroShotProbability([1], [1], [1, 2], 0.1)).toThrow(/1, 1 and 2/)
  })

  it('reports the findings of absent anatomies as missing, by name', async () => {
    using model = new Fvlm(device, { config }).initialize(1)
    const prompts = await FindingPrompts.embed(model, tokenizer)
    const scored = await zeroShot(model, scanWith([2, 1, 4, 1, 5, 1, 6], [3, 2, 3, 6, 7, 2, 5]), prompts)
    expect(scored.absentAnatomies).toEqual(['lung', 'aorta'])
    expect(scored.missing).toHaveLength(12)
    expect(scored.missing).toContain('Arterial wall calcification')
    for (const { anatomy, probability } of scored.findings) {
      if (anatomy === 'heart' || anatomy === 'esophagus') expect(probability! > 0 && probability! < 1).toBe(true)
      else expect(probability).toBeUndefined()
    }
  })

  it('refuses findings of anatomies that the model does not know', async () => {
    using model = new Fvlm(device, { config }).initialize(1)
    const findings = [{ anatomy: 'liver', label: 'Steatosis', wording: 'Steatosis' }]
    await expect(FindingPrompts.embed(model, tokenizer, findings)).rejects.toThrow(/liver/)
  })
})

describe('training', () => {
  it('leaves out cut and unused anatomies, and gives every used part a gradient', async () => {
    using model = new Fvlm(device, { config }).initialize(4)
    const [a, b] = [
      scanWith([1, 1, 4, 1, 5, 1, 6], [2, 4, 5, 2, 4, 7, 10], [3, 0, 2, 5, 7, 7, 9]),
      scanWith([1, 2, 5, 1, 5, 1, 6], [2, 1, 2, 2, 4, 7, 10]),
    ]
    const image = tensor(device, Float32Array.from([...a.image, ...b.image]), [2, ...extents, 1])
    const captions = Object.fromEntries(
      model.config.anatomies.map((name) => [name, [`${name} is large.`, normalTemplate(name)]]),
    )
    captions.heart = [normalTemplate('heart'), `${normalTemplate('heart')}Normal.`]
    const mask = { labels: Uint8Array.from([...a.labels, ...b.labels]), samples: 2, extents }
    const dropping = model.dropping(new Generator(1))
    const used = scope(() => {
      const organs = embedBatch(model, tokenizer, { image, mask, captions }, { dropping })
      backward(fvlmLoss(organs, model.temperature.value)!)
      return organs.map(({ anatomy, samples }) => [anatomy, samples])
    })
    expect(used).toEqual([['lung', [0, 1]]])
    const gradient = (name: string) => model.parameters.parameters.get(name)!.value.grad
    for (const name of ['temp', 'query_tokens', 'vision_projs.0.weight', 'text_proj.bias']) {
      const values = await gradient(name)!.data()
      expect(values.some((value) => value !== 0)).toBe(true)
      expect(values.every(Number.isFinite)).toBe(true)
    }
    expect(gradient('vision_projs.1.weight')).toBeUndefined()
    image.dispose()
  })

  it('keeps the temperature within its bounds', async () => {
    using model = new Fvlm(device, { config }).initialize(4)
    for (const [given, kept] of [
      [0.9, 0.5],
      [1e-5, 0.001],
      [0.07, 0.07],
    ] as const) {
      model.temperature.value.write([given])
      await model.clampTemperature()
      expect(await model.temperature.value.item()).toBeCloseTo(kept, 7)
    }
  })

  it('draws dropout from the generator alone', async () => {
    using model = new Fvlm(device, { config }).initialize(4)
    const volume = tensor(device, scanWith().image, [1, ...extents, 1])
    const total = async (seed: number) => {
      const value = scope(() => sum(model.vision.encode(volume, model.dropping(new Generator(seed))).levels[2]!))
      return value.item()
    }
    expect(await total(1)).toBe(await total(1))
    expect(await total(1)).not.toBe(await total(2))
  })
})

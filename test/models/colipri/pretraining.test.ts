import { afterAll, describe, expect, it } from 'vitest'
import { Generator, gradcheck, noGrad, type Tensor, tensor } from '../../../src/engine/index.js'
import { generateReports } from '../../../src/models/colipri/generate.js'
import type { ColipriConfig } from '../../../src/models/colipri/index.js'
import { drawKeptPatches } from '../../../src/models/colipri/masked-modelling.js'
import { ColipriPretraining } from '../../../src/models/colipri/pretraining.js'
import { ReportDecoder, reportLoss } from '../../../src/models/colipri/report-decoder.js'
import { ParameterScope } from '../../../src/models/index.js'
import { initializeWeights } from '../../../src/models/weights.js'
import { testDevice } from '../../support/device.js'
import { overfit } from '../../support/overfit.js'

const device = await testDevice()

const config: ColipriConfig = {
  image: {
    inputSize: [16, 16, 16],
    spacingMm: [12, 12, 12],
    patch: [4, 4, 4],
    features: 24,
    depth: 2,
    heads: 2,
    mlpRatio: 2,
    layerScale: 0.1,
    poolerHeads: 2,
  },
  projectionFeatures: 16,
  text: { vocabulary: 24, layers: 1, heads: 2, hiddenFeatures: 32, positions: 12, tokenTypes: 2, poolerHeads: 2 },
}

const values = (count: number, seed: number) => Float32Array.from({ length: count }, (_, n) => Math.sin(seed + n * 1.7))
const volumes = (samples: number): Tensor => tensor(device, values(samples * 4096, 3), [samples, 16, 16, 16, 1])

function decoderOf(seed: number) {
  const parameters = new ParameterScope(device)
  const options = { vocabulary: 11, features: 8, layers: 2, heads: 2, hiddenFeatures: 12, positions: 9 }
  const decoder = new ReportDecoder(parameters, options)
  initializeWeights(parameters, seed)
  // Far from uniform, so that texts differ.
  for (const { value, name } of parameters.parameters.values()) {
    if (!name.includes('norm'))
      value.write(
        values(
          value.shape.reduce((a, b) => a * b, 1),
          name.length + seed,
        ),
      )
  }
  return { decoder, parameters: parameters.parameters }
}

/** Greedy decoding that gives the whole text to the decoder for each token. */
async function greedyUncached(decoder: ReportDecoder, image: Tensor, endId: number, maxTokens: number) {
  const ids = [1]
  while (ids.length < maxTokens) {
    const logits = noGrad(() => decoder.logits(tensor(device, Int32Array.from(ids), [1, ids.length]), image))
    const last = Array.from(await logits.data()).slice(-11)
    logits.dispose()
    const next = last.indexOf(Math.max(...last))
    if (next === endId) break
    ids.push(next)
  }
  return ids.slice(1)
}

describe('report decoder', () => {
  it('predicts a token from those before it alone, in teacher-forced passes and with a cache alike', async () => {
    const { decoder } = decoderOf(1)
    const image = tensor(device, values(2 * 5 * 8, 1), [2, 5, 8])
    const ids = Int32Array.of(1, 4, 7, 2, 9, 1, 3, 3, 8, 5)
    const whole = Array.from(await noGrad(() => decoder.logits(tensor(device, ids, [2, 5]), image)).data())
    const changed = ids.map((id, n) => (n % 5 > 2 ? 10 : id))
    const other = Array.from(await noGrad(() => decoder.logits(tensor(device, changed, [2, 5]), image)).data())
    const memory = noGrad(() => decoder.readImage(image))
    let text: ReturnType<ReportDecoder['next']>['text'] = []
    for (let t = 0; t < 5; t++) {
      const step = Int32Array.of(ids[t]!, ids[5 + t]!)
      const known = memory.map((own, layer) => ({ ...own, text: text[layer] }))
      const next = noGrad(() => decoder.next(tensor(device, step, [2, 1]), known, t))
      const logits = await next.logits.data()
      for (let n = 0; n < 2; n++) {
        for (let id = 0; id < 11; id++) {
          const place = (n * 5 + t) * 11 + id
          expect(logits[n * 11 + id]).toBeCloseTo(whole[place]!, 4)
          if (t < 3) expect(other[place]).toBeCloseTo(whole[place]!, 5)
        }
      }
      text = next.text
    }
  })

  it('writes with one beam what greedy decoding without a cache writes, and with more nothing less likely', async () => {
    let longer = 0
    for (const seed of [1, 2, 3, 4]) {
      const { decoder } = decoderOf(seed)
      const image = tensor(device, values(5 * 8, seed), [1, 5, 8])
      for (const endId of [0, 5]) {
        const options = { startId: 1, endId, maxTokens: 8, lengthPenalty: 0 }
        const [one] = await generateReports(decoder, image, options)
        expect(one!.ids).toEqual(await greedyUncached(decoder, image, endId, 8))
        longer += one!.ids.length
        const [three] = await generateReports(decoder, image, { ...options, beams: 11 })
        expect(three!.ids).not.toContain(endId)
        if (one!.ended === three!.ended) expect(three!.logProbability).toBeGreaterThan(one!.logProbability - 1e-4)
      }
    }
    expect(longer).toBeGreaterThan(10)
  })

  it('writes for each of several images what it writes for it alone, and leaves no memory behind', async () => {
    const { decoder } = decoderOf(2)
    const both = tensor(device, values(2 * 5 * 8, 7), [2, 5, 8])
    const second = tensor(device, values(2 * 5 * 8, 7).slice(40), [1, 5, 8])
    const before = device.memory().liveBytes
    const options = { startId: 1, endId: 0, maxTokens: 7, beams: 2 }
    const [, last] = await generateReports(decoder, both, options)
    expect([last]).toEqual(await generateReports(decoder, second, options))
    expect(device.memory().liveBytes).toBe(before)
  })

  it('has the gradients of its loss', async () => {
    const { decoder } = decoderOf(1)
    const ids = tensor(device, Int32Array.of(1, 4, 7, 2), [1, 4])
    const targets = tensor(device, Int32Array.of(4, 7, -100), [1, 3])
    const image = tensor(device, values(3 * 8, 2), [1, 3, 8])
    await gradcheck((x) => reportLoss(decoder, x!, ids, targets), [image])
  })
})

describe('masked image modelling', () => {
  it('keeps as many patches as asked of each sample, by the seed', () => {
    const choice = drawKeptPatches({ samples: 3, count: 10 }, new Generator(4))
    const rows = [0, 1, 2].map((n) => [...choice.kept.subarray(n * 2, n * 2 + 2)])
    expect(rows.every((row) => new Set(row).size === 2 && row.every((patch) => patch >= 0 && patch < 10))).toBe(true)
    expect(drawKeptPatches({ samples: 3, count: 10 }, new Generator(4))).toEqual(choice)
    expect(drawKeptPatches({ samples: 1, count: 2 }, new Generator(4), 0.9).kept).toHaveLength(1)
  })

  it('restores a sample of a batch as it does alone, and judges hidden voxels only', async () => {
    using pretraining = new ColipriPretraining(device, { config, masked: { blocks: 2 } })
    const { model } = pretraining
    model.initialize(5)
    const volume = volumes(2)
    const kept = Int32Array.of(3, 60, 11, 7, 40, 5)
    const losses = noGrad(() => [
      pretraining.masking(volume, { samples: 2, count: 64, kept }),
      ...[0, 1].map((n) => {
        const own = tensor(device, values(2 * 4096, 3).slice(n * 4096, (n + 1) * 4096), [1, 16, 16, 16, 1])
        return pretraining.masking(own, { samples: 1, count: 64, kept: kept.slice(n * 3, n * 3 + 3) })
      }),
    ])
    const [both, first, second] = await Promise.all(losses.map((loss) => loss.item()))
    expect(both).toBeCloseTo((first! + second!) / 2, 5)
  })
})

describe('objectives of COLIPRI', () => {
  const pretraining = new ColipriPretraining(device, {
    config,
    reports: { layers: 1, heads: 2, hiddenFeatures: 24 },
    masked: { blocks: 1 },
  })
  const { model } = pretraining
  afterAll(() => pretraining.dispose())

  const text = {
    ids: tensor(device, Int32Array.of(2, 5, 9, 3, 2, 6, 3, 0, 2, 7, 8, 3), [3, 4]),
    mask: tensor(device, Uint32Array.of(1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1), [3, 4]),
  }
  const volume = volumes(3)
  const start = () => {
    model.initialize(1)
    return model.parameters.parameters
  }

  it('learns which report belongs to which scan', async () => {
    const losses = await overfit(start(), 12, () =>
      pretraining.contrast(model.embedImage(volume), model.embedText(text.ids, text.mask)),
    )
    expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]!)
  })

  it('learns sentences from their opposites', async () => {
    const opposite = {
      ids: tensor(device, Int32Array.of(2, 10, 5, 3, 2, 10, 3, 0, 2, 10, 8, 3), [3, 4]),
      mask: text.mask,
    }
    const losses = await overfit(start(), 12, () =>
      pretraining.opposites(model.embedImage(volume), {
        ...{ positive: text, negative: opposite },
        labels: Int32Array.of(1, 0, -1),
      }),
    )
    expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]!)
  })

  it('learns to write reports', async () => {
    const targets = tensor(device, Int32Array.of(5, 9, 3, 6, 3, -100, 7, 8, 3), [3, 3])
    const forward = () => pretraining.generation(model.projectImage(volume), text.ids, targets)
    const losses = await overfit(start(), 20, forward, 1e-2)
    expect(losses.at(-1)).toBeLessThan(0.7 * losses[0]!)
  })

  it('learns to restore voxels', async () => {
    const choice = drawKeptPatches({ samples: 3, count: 64 }, new Generator(1))
    const losses = await overfit(start(), 12, () => pretraining.masking(volume, choice))
    expect(losses.at(-1)).toBeLessThan(0.95 * losses[0]!)
  })

  it('says what a model was made without', () => {
    using plain = new ColipriPretraining(device, { config })
    expect(() => plain.reports).toThrow('no report decoder')
    expect(() => plain.masking(volume, { samples: 3, count: 64, kept: new Int32Array(3) })).toThrow('masked images')
    expect(plain.model.softmaxTemperature).toBe(0.07)
  })
})

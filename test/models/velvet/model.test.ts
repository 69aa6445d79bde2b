import { describe, expect, it } from 'vitest'
import { Generator, gradcheck, gradients, noGrad, scope, tensor } from '../../../src/engine/index.js'
import { mul } from '../../../src/kernels/elementwise/index.js'
import { slice } from '../../../src/kernels/layout/index.js'
import { bceWithLogits } from '../../../src/kernels/losses/index.js'
import { sum } from '../../../src/kernels/reduce/index.js'
import { ParameterScope } from '../../../src/models/index.js'
import { augmentViews, drawDrops, turnSamples } from '../../../src/models/velvet/augment.js'
import type { VelvetConfig } from '../../../src/models/velvet/config.js'
import { velvetPublished } from '../../../src/models/velvet/config.js'
import { YesNoHead } from '../../../src/models/velvet/heads.js'
import { localContrast, localSimilarity, reportContrast, viewContrast } from '../../../src/models/velvet/objectives.js'
import { axisStarts, slidingWindow } from '../../../src/models/velvet/sliding-window.js'
import { SwinEncoder } from '../../../src/models/velvet/swin-encoder.js'
import { Velvet } from '../../../src/models/velvet/velvet.js'
import { initializeWeights } from '../../../src/models/weights.js'
import { testDevice } from '../../support/device.js'

const device = await testDevice()

const config: VelvetConfig = {
  vision: {
    inChannels: 1,
    features: 4,
    depths: [2, 1, 1],
    heads: [1, 2, 2],
    window: 3,
    patch: 2,
    mlpRatio: 2,
    merging: 'legacy',
  },
  text: {
    vocabulary: 20,
    features: 8,
    hiddenFeatures: 16,
    textLayers: 1,
    fusionLayers: 1,
    heads: 2,
    positions: 8,
    tokenTypes: 4,
    firstSentenceId: 16,
  },
  projectionFeatures: 6,
}

const random = (shape: number[], seed = 1) => {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, n) =>
    Math.sin(seed * 12.9898 + n * 78.233),
  )
  return tensor(device, values, shape)
}

describe('Velvet', () => {
  it('declares as many parameters as the published model', () => {
    const { parameters } = new Velvet(device, { config: velvetPublished }).parameters
    const count = [...parameters.values()].reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0)
    expect(count).toBe(242_731_304)
  })

  it('embeds volumes and texts on three levels', async () => {
    using model = new Velvet(device, { config }).initialize(3)
    const volume = random([2, 16, 16, 16, 1])
    const { report, sentence, word } = model.embedVolume(volume)
    expect([report.shape, sentence.shape, word.shape]).toEqual([
      [2, 6],
      [2, 8, 6],
      [2, 64, 6],
    ])
    const length = await report.data()
    expect(Math.hypot(...length.subarray(0, 6))).toBeCloseTo(1, 5)
    const rows = {
      shape: [1, 6] as const,
      ids: [2, 16, 5, 6, 17, 7],
      types: [1, 1, 1, 1, 2, 2],
      attention: [1, 1, 1, 1, 1, 1],
    }
    const text = model.embedText(rows, { startId: 2, firstSentenceId: 16, isContinuation: () => false })
    expect([text.sentenceCounts, text.wordCounts]).toEqual([[2], [2]])
    expect(text.report.shape).toEqual([1, 6])
    for (const value of [volume, report, sentence, word, text.report, text.sentence, text.word]) value.dispose()
  })
})

describe('SwinEncoder', () => {
  const small = { ...config.vision, depths: [2], heads: [2], window: 2 }

  function smallEncoder() {
    const parameters = new ParameterScope(device)
    const encoder = new SwinEncoder(parameters, small)
    initializeWeights(parameters, 5)
    const dispose = (): void => {
      encoder.dispose()
      for (const parameter of parameters.parameters.values()) parameter.dispose()
    }
    return { parameters, encoder, dispose }
  }

  it('has the gradients of its differences, through padding and shifted windows', async () => {
    const { encoder, dispose } = smallEncoder()
    const volume = random([1, 6, 4, 4, 1])
    expect(await gradcheck((x) => encoder.encode(x!).at(-1)!, [volume])).toBeLessThan(2e-2)
    volume.dispose()
    dispose()
  })

  it('gives the same gradients with and without checkpointing', async () => {
    const { parameters, encoder, dispose } = smallEncoder()
    const volume = random([1, 9, 6, 4, 1])
    const leaves = [...parameters.parameters.values()].map(({ value }) => value)
    const run = async (checkpointing: boolean) => {
      const found = scope(() => {
        const map = encoder.encode(volume, { checkpointing }).at(-1)!
        return gradients(sum(mul(map, random([...map.shape], 7))), leaves)
      })
      const values = await Promise.all(found.map((gradient) => gradient.data()))
      for (const gradient of found) gradient.dispose()
      return values
    }
    expect(await run(true)).toEqual(await run(false))
    volume.dispose()
    dispose()
  })
})

describe('objectives', () => {
  it('have the gradients of their differences', async () => {
    const temperature = tensor(device, 0.3)
    const [image, text, units] = [random([3, 4]), random([3, 4], 2), random([5, 4], 3)]
    const regions = random([3, 6, 4], 4)
    expect(await gradcheck((a, b, t) => reportContrast(a!, b!, t!).loss, [image, text, temperature])).toBeLessThan(2e-2)
    expect(
      await gradcheck((r, u) => localContrast(r!, u!, [1, 2, 2], { temperatures: [1, 2, 1] }).loss, [regions, units]),
    ).toBeLessThan(2e-2)
    expect(await gradcheck((a, b) => viewContrast(a!, b!), [image, text])).toBeLessThan(2e-2)
    for (const value of [temperature, image, text, units, regions]) value.dispose()
  })

  it('score a text the same among longer texts as alone', async () => {
    const counts = [1, 4, 2]
    const regions = random([3, 5, 6], 7)
    const units = random([7, 6], 8)
    for (const aggregate of ['sum', 'mean'] as const) {
      const together = await localSimilarity(regions, units, counts, { aggregate }).data()
      let start = 0
      for (const [text, count] of counts.entries()) {
        const own = slice(units, [[start, start + count]])
        const alone = await localSimilarity(regions, own, [count], { aggregate }).data()
        for (let image = 0; image < 3; image++) expect(together[image * 3 + text]).toBeCloseTo(alone[image]!, 4)
        start += count
      }
    }
  })

  it('refuse counts that do not fit', () => {
    expect(() => localContrast(random([2, 3, 4]), random([3, 4]), [1, 1])).toThrow(/counts 1, 1/)
  })
})

describe('YesNoHead', () => {
  it('answers from the first state alone and learns to by binary cross-entropy', async () => {
    const parameters = new ParameterScope(device)
    const head = new YesNoHead(parameters, 4)
    initializeWeights(parameters, 1)
    const states = random([2, 3, 4], 9)
    const elsewhere = tensor(
      device,
      Array.from(await states.data(), (value, n) => (n % 12 < 4 ? value : value + 1)),
      [2, 3, 4],
    )
    const logits = await head.apply(states).data()
    expect(logits).toHaveLength(2)
    expect(await head.apply(elsewhere).data()).toEqual(logits)
    const answers = tensor(device, [1, 0])
    expect(await gradcheck((x) => bceWithLogits(head.apply(x!), answers), [states])).toBeLessThan(2e-2)
  })
})

describe('slidingWindow', () => {
  it('pulls the last window back to the border', () => {
    expect(axisStarts(200, 96, 0.25)).toEqual([0, 72, 104])
    expect(axisStarts(96, 96, 0.25)).toEqual([0])
    expect(axisStarts(50, 96, 0.25)).toEqual([0])
  })

  it('gives back a volume whose predictor changes nothing, for every blending', async () => {
    const volume = random([2, 5, 3, 7, 2])
    for (const blending of ['uniform', 'gaussian'] as const) {
      const result = slidingWindow(volume, (x) => x.alias(), {
        window: [4, 4, 3],
        overlap: 0.5,
        blending,
        windowBatch: 3,
      })
      const [got, want] = [await result.data(), await volume.data()]
      for (const [n, value] of got.entries()) expect(value).toBeCloseTo(want[n]!, 5)
      result.dispose()
    }
    volume.dispose()
  })
})

describe('augmentation', () => {
  it('comes back after four quarter turns', async () => {
    const x = random([2, 2, 3, 3, 1])
    const turned = scope(() => turnSamples(turnSamples(x, [1, 3]), [3, 1]))
    expect(await turned.data()).toEqual(await x.data())
    turned.dispose()
    x.dispose()
  })

  it('repeats for a seed and stays in [0, 1]', async () => {
    const crops = noGrad(() => scope(() => tensor(device, new Float32Array(2 * 12 ** 3).fill(0.5), [2, 12, 12, 12, 1])))
    const draw = async () => {
      const { views, turns } = augmentViews(crops, new Generator(9))
      const values = await views[0].data()
      for (const view of views) view.dispose()
      return { values, turns }
    }
    const first = await draw()
    expect(await draw()).toEqual(first)
    expect(Math.min(...first.values)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...first.values)).toBeLessThanOrEqual(1)
    crops.dispose()
  })

  it('drops boxes inside the volume until the target is reached', () => {
    for (const { boxes } of drawDrops(3, [20, 16, 24], new Generator(2))) {
      for (const { start, end } of boxes) {
        for (const axis of [0, 1, 2] as const) {
          expect(start[axis]).toBeGreaterThanOrEqual(0)
          expect(end[axis]).toBeLessThanOrEqual([20, 16, 24][axis]!)
        }
      }
    }
  })
})

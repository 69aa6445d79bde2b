/** VELVET-Med: every rung of their objective on a fixed batch of coarse phantoms. */
import { describe, expect, it } from 'vitest'
import type { VelvetConfig } from '../../../src/models/index.js'
import { velvetPhantom } from '../../../src/train/recipes/index.js'
import { buildRecipe, firstSamples, learn, stepContext } from './helpers.js'

const velvet: VelvetConfig = {
  vision: { ...velvetPhantom.vision, features: 8, depths: [1, 1, 1], heads: [1, 2, 2], window: 4 },
  text: { ...velvetPhantom.text, features: 24, hiddenFeatures: 48, textLayers: 1, fusionLayers: 1, heads: 2 },
  projectionFeatures: 16,
}
const none = { levels: 'report', matching: false, maskedTokens: false, selfSupervision: false, dropout: 0 }
/** Contrast alone leaves its plateau slowly: large steps would make all vectors alike. */
const slow = { steps: 28, lr: 3e-4 }
const fast = { steps: 8, lr: 3e-3 }
const rungs: [name: string, objective: object, terms: string[], pace: typeof slow][] = [
  ['report', none, ['report'], slow],
  ['sentence', { ...none, levels: 'sentence' }, ['report', 'sentence'], slow],
  ['word', { ...none, levels: 'word' }, ['report', 'sentence', 'word'], fast],
  ['matching', { ...none, matching: true }, ['report', 'matching'], slow],
  ['masked tokens', { ...none, maskedTokens: true }, ['report', 'fusionTokens', 'textTokens'], fast],
  ['self-supervision', { ...none, selfSupervision: true }, ['report', 'contrast', 'rotation', 'reconstruction'], fast],
]

describe('velvet', () => {
  it.each(rungs)('%s', async (_, objective, terms, { steps, lr }) => {
    const task = await buildRecipe('velvet', { model: velvet, side: 32, cropSide: 32, objective })
    const context = stepContext()
    const batch = task.collate(await firstSamples(task), context)
    const { metrics, loss } = task.loss(batch, context)
    expect(Object.keys(metrics!).sort()).toEqual([...terms].sort())
    const values = await Promise.all(Object.values(metrics!).map((term) => term.item()))
    expect(await loss.item()).toBeCloseTo(
      values.reduce((sum, value) => sum + value, 0),
      3,
    )
    expect(await learn(task, steps, lr)).toBeLessThan(0.95)
    task.dispose()
  })

  it('scores findings of held-out phantoms', async () => {
    const task = await buildRecipe('velvet', { model: velvet, side: 32, cropSide: 32, objective: none })
    const scores = await task.evaluate!('test', { step: 0, workers: 0, batchSize: 4 })
    expect(scores.macroAuroc).toBeGreaterThan(0)
    expect(scores.macroAuroc).toBeLessThan(1)
    task.dispose()
  })

  it('finds reports and scans, by fused states too', async () => {
    const evaluate = async (evaluation: object): Promise<Readonly<Record<string, number>>> => {
      const task = await buildRecipe('velvet', { model: velvet, side: 32, cropSide: 32, objective: none, evaluation })
      const scores = await task.evaluate!('test', { step: 0, workers: 0, batchSize: 5 })
      task.dispose()
      return scores
    }
    const plain = await evaluate({ retrieval: true })
    const matched = await evaluate({ retrieval: true, matching: true, candidates: 6 })
    expect(matched.macroAuroc).toBe(plain.macroAuroc)
    for (const scores of [plain, matched]) {
      for (const direction of ['imageToText', 'textToImage']) {
        const recalls = [1, 5, 10].map((k) => scores[`${direction}/recallAt${k}`]!)
        expect(recalls).toEqual([...recalls].sort((a, b) => a - b))
        expect(recalls[2]).toBeGreaterThan(0)
      }
    }
  })
})

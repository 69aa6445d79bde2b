/** fVLM and VELVET-Med: every rung of their objectives on a fixed batch of coarse phantoms. */
import { describe, expect, it } from 'vitest'
import type { FvlmConfig, VelvetConfig } from '../../../src/models/index.js'
import { fvlmPhantom, velvetPhantom } from '../../../src/train/recipes/index.js'
import { buildRecipe, firstSamples, learn, stepContext } from './helpers.js'

const fvlm: FvlmConfig = {
  ...fvlmPhantom,
  vision: {
    ...fvlmPhantom.vision,
    patch: [8, 6, 8],
    trainingGrid: [4, 4, 4],
    features: 24,
    depth: 2,
    heads: 2,
    taps: [0],
  },
  projectionFeatures: 24,
  text: { ...fvlmPhantom.text, features: 24, layers: 1, heads: 2, hiddenFeatures: 48 },
  evaluationWindow: [32, 24, 32],
}
const preprocessing = { spacingMm: [12, 12, 12], windowHu: [-1150, 350], margin: [1, 1, 1], leastExtents: [32, 24, 32] }

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

describe('fvlm', () => {
  it('learns a batch of anatomies with their captions, and scores findings by anatomy', async () => {
    const task = await buildRecipe('fvlm', { model: fvlm, preprocessing, flipProbability: 0 }, 6)
    expect(await learn(task, 20, 1e-2)).toBeLessThan(0.9)
    const scores = await task.evaluate!('validation', { step: 0, workers: 0, batchSize: 6 })
    expect(scores.macroAuroc).toBeGreaterThan(0)
    expect(scores.macroAuroc).toBeLessThan(1)
    task.dispose()
  })
})

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
})

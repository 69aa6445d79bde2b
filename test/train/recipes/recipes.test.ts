/** Each objective of COLIPRI and the baseline, on a fixed batch of small phantoms made by the recipes' own loader task. */
import { describe, expect, it } from 'vitest'
import { scope, type Tensor } from '../../../src/engine/index.js'
import { buildRecipe, firstSamples, learn, stepContext } from './helpers.js'

async function check(name: string, options: object, steps: number, lr = 3e-3): Promise<number> {
  const task = await buildRecipe(name, options)
  try {
    return await learn(task, steps, lr)
  } finally {
    task.dispose()
  }
}

const small = { model: 'smoke' }

describe('recipes learn a batch', () => {
  it('clip3d', async () => expect(await check('clip3d', small, 24, 1e-3)).toBeLessThan(0.7))

  it('colipri-c', async () => expect(await check('colipri-c', small, 8)).toBeLessThan(0.7))

  it.each([
    ['opposites', { contrast: 0, opposites: 1 }],
    ['generation', { contrast: 0, generation: 1 }],
    ['masking', { contrast: 0, masking: 1 }],
  ])('colipri: %s', async (_, objective) => {
    expect(await check('colipri-c', { ...small, objective }, 8)).toBeLessThan(0.9)
  })

  it('colipri-crm, all together', async () => expect(await check('colipri-crm', small, 6)).toBeLessThan(0.9))
})

describe('evaluation', () => {
  it('scores held-out phantoms, whatever batches they come in', async () => {
    const task = await buildRecipe('colipri-c', small)
    const context = { step: 0, workers: 0 }
    const scores = await task.evaluate!('validation', { ...context, batchSize: 5 })
    expect(scores.macroAuroc).toBeGreaterThan(0)
    expect(scores.macroAuroc).toBeLessThan(1)
    const again = await task.evaluate!('validation', { ...context, batchSize: 12 })
    expect(again.macroAuroc).toBeCloseTo(scores.macroAuroc!, 2)
    task.dispose()
  })
})

describe('contrast in chunks', () => {
  it.each(['colipri-c', 'clip3d'])('%s: is the same loss as the whole', async (name) => {
    const task = await buildRecipe(name, small)
    const samples = await firstSamples(task)
    const context = stepContext()
    const [whole, chunked] = scope((): [Tensor, Tensor] => {
      const batch = task.collate(samples, context)
      const ownRows = { start: 0, count: 3 }
      const { embed, objective } = task.contrast!
      return [
        task.loss(batch, context).loss,
        objective(embed(batch, context), { ...context, ownRows, values: {} }).loss,
      ]
    })
    expect(await chunked.item()).toBeCloseTo(await whole.item(), 5)
    whole.dispose()
    chunked.dispose()
    task.dispose()
  })
})

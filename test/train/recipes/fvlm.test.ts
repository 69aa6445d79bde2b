/** fVLM's recipe on a fixed batch of coarse phantoms: alone, in chunks, with a peer, over two ranks. */
import { describe, expect, it } from 'vitest'
import { backward, scope, tensor } from '../../../src/engine/index.js'
import { Fvlm, type FvlmConfig } from '../../../src/models/index.js'
import { fvlmPhantom } from '../../../src/train/recipes/index.js'
import type { TaskLoss, TrainingTask } from '../../../src/train/task.js'
import { testDevice } from '../../support/device.js'
import { buildRecipe, firstSamples, learn, stepContext } from './helpers.js'

const device = await testDevice()
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

const options = { model: fvlm, preprocessing, flipProbability: 0 }
const coTaught = { ...options, objective: { coTeaching: {} } }

/** A batch in chunks through the task's own contrast, as the trainer goes about it with several processes. */
async function inChunks(task: TrainingTask, samples: readonly unknown[], sizes: readonly number[]): Promise<number> {
  const { embed, objective, onHost = [] } = task.contrast!
  const context = stepContext()
  let first = 0
  const parts: Record<string, { values: number[]; width: number }> = {}
  for (const size of sizes) {
    const rows = scope(() => embed(task.collate(samples.slice(first, first + size), context), context))
    first += size
    for (const [name, row] of Object.entries(rows)) {
      parts[name] ??= { values: [], width: row.shape[1]! }
      parts[name].values.push(...((await row.data()) as Float32Array))
      row.dispose()
    }
  }
  const values = Object.fromEntries(onHost.map((name) => [name, Float32Array.from(parts[name]!.values)]))
  const { loss } = scope((): TaskLoss => {
    const all = Object.entries(parts).map(
      ([name, part]) => [name, tensor(device, part.values, [samples.length, part.width])] as const,
    )
    const ownRows = { start: 0, count: samples.length }
    return { loss: objective(Object.fromEntries(all), { ...context, ownRows, values }).loss }
  })
  const result = await loss.item()
  loss.dispose()
  return result
}

/** The loss of a batch and the gradient of every parameter that has one. */
async function gradientsOf(task: TrainingTask, samples: readonly unknown[]): Promise<Map<string, number[]>> {
  for (const { value } of task.parameters.values()) value.setRequiresGrad()
  const context = stepContext()
  scope(() => backward(task.loss(task.collate(samples, context), context).loss))
  const found = new Map<string, number[]>()
  for (const [name, { value }] of task.parameters) {
    if (value.grad) found.set(name, Array.from(await value.grad.data()))
  }
  return found
}

describe('fvlm', () => {
  it('learns a batch of anatomies with their captions, and scores findings by anatomy', async () => {
    const task = await buildRecipe('fvlm', options, 6)
    expect(await learn(task, 20, 1e-2)).toBeLessThan(0.9)
    const scores = await task.evaluate!('validation', { step: 0, workers: 0, batchSize: 6 })
    expect(scores.macroAuroc).toBeGreaterThan(0)
    expect(scores.macroAuroc).toBeLessThan(1)
    task.dispose()
  })

  it.each([
    ['alone', options],
    ['with a peer', coTaught],
  ])('%s, a batch in chunks of any sizes has the loss of the whole', async (_, given) => {
    const task = await buildRecipe('fvlm', given, 6)
    const samples = await firstSamples(task)
    const context = stepContext()
    const { loss } = scope(() => ({ loss: task.loss(task.collate(samples, context), context).loss }))
    const whole = await loss.item()
    loss.dispose()
    expect(whole).toBeGreaterThan(0)
    for (const sizes of [[6], [1, 2, 3]]) expect(await inChunks(task, samples, sizes)).toBeCloseTo(whole, 4)
    task.dispose()
  })

  it('has the same gradients where blocks compute their activations again', async () => {
    const [plain, again] = [await buildRecipe('fvlm', options, 4), await buildRecipe('fvlm', options, 4, true)]
    const samples = await firstSamples(plain)
    const [expected, got] = [await gradientsOf(plain, samples), await gradientsOf(again, samples)]
    expect(expected.has('visual_encoder.blocks.0.attn.qkv.weight')).toBe(true)
    expect([...got.keys()]).toEqual([...expected.keys()])
    for (const [name, values] of expected) {
      const largest = Math.max(...values.map(Math.abs))
      const apart = Math.max(...values.map((value, i) => Math.abs(value - got.get(name)![i]!)))
      expect(apart, name).toBeLessThanOrEqual(1e-5 * largest + 1e-9)
    }
    plain.dispose()
    again.dispose()
  })
})

describe('co-teaching', () => {
  it('trains two models with different beginnings, each with a loss of its own', async () => {
    const task = await buildRecipe('fvlm', coTaught, 6)
    const { parameters } = task
    const [own, peer] = ['query_tokens', 'visual_encoder.norm.weight', 'text_proj.weight'].map((name) => [
      parameters.get(name),
      parameters.get(`peer.${name}`),
    ])[2]!
    expect(Array.from(await own!.value.data())).not.toEqual(Array.from(await peer!.value.data()))
    const gradients = await gradientsOf(task, await firstSamples(task))
    const names = [...gradients.keys()]
    expect(names.filter((name) => !name.startsWith('peer.')).map((name) => `peer.${name}`)).toEqual(
      names.filter((name) => name.startsWith('peer.')),
    )
    task.dispose()
  })

  it('with alpha 0 is the loss of the model alone, and with more another', async () => {
    const lossOf = async (given: object, name: 'loss' | 'own'): Promise<number> => {
      const task = await buildRecipe('fvlm', given, 6)
      const samples = await firstSamples(task)
      const context = stepContext()
      const kept = scope(() => {
        const { loss, metrics } = task.loss(task.collate(samples, context), context)
        return { value: name === 'loss' ? loss : metrics!.own! }
      })
      const value = await kept.value.item()
      kept.value.dispose()
      task.dispose()
      return value
    }
    const alone = await lossOf(options, 'loss')
    expect(await lossOf({ ...options, objective: { coTeaching: { alpha: 0 } } }, 'own')).toBeCloseTo(alone, 4)
    expect(Math.abs((await lossOf(coTaught, 'own')) - alone)).toBeGreaterThan(1e-3)
  })

  it('leaves a file that loads as the first model', async () => {
    const task = await buildRecipe('fvlm', coTaught)
    using model = new Fvlm(device, { config: fvlm })
    await model.load({
      path: 'trained',
      names: [...task.parameters.keys()],
      header: (name) => ({ shape: task.parameters.get(name)!.declaration.shape, dtype: 'float32' }),
      readFloat32: async (name) =>
        new Float32Array(task.parameters.get(name)!.value.size).fill(name.startsWith('peer.') ? 9 : 0.25),
    })
    const read = await model.parameters.parameters.get('text_proj.bias')!.value.data()
    expect(new Set(read)).toEqual(new Set([0.25]))
    task.dispose()
  })
})

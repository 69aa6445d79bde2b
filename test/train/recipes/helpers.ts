import { expect } from 'vitest'
import { Loader } from '../../../src/data/index.js'
import { Generator } from '../../../src/engine/index.js'
import { soloCollective } from '../../../src/train/parallel/collective.js'
import { recipes } from '../../../src/train/recipes/index.js'
import type { StepContext, TrainingTask } from '../../../src/train/task.js'
import { testDevice } from '../../support/device.js'
import { overfit } from '../../support/overfit.js'

const device = await testDevice()

/** The same draws in every call. */
export const stepContext = (): StepContext => ({
  ...{ step: 0, epoch: 0, seed: 7, stepSeed: 7, firstSample: 0, collective: soloCollective },
  generator: new Generator(7),
})

/** A task on a few phantoms, with its random weights. */
export async function buildRecipe(
  name: string,
  options: object,
  train = 3,
  checkpointing = false,
): Promise<TrainingTask> {
  const recipe = recipes.get(name)!
  const data = { source: 'phantoms', train, validation: 12, test: 12 }
  const parsed = recipe.schema.parse({ data, ...options })
  return await recipe.build(parsed, { device, seed: 3, dtype: 'f32', checkpointing })
}

/** All training samples, as the task's own loader makes them. */
export async function firstSamples(task: TrainingTask): Promise<unknown[]> {
  const { items, task: module } = task.training
  const loader = new Loader({ items, task: module, batchSize: items.length, workers: 0 })
  for await (const batch of loader) return batch.items.map(({ value }) => value)
  throw new Error('the loader is empty')
}

/** The share of the first loss that is left after some steps on one batch with the same draws. */
export async function learn(task: TrainingTask, steps: number, lr = 3e-3): Promise<number> {
  const samples = await firstSamples(task)
  const forward = () => {
    const context = stepContext()
    return task.loss(task.collate(samples, context), context).loss
  }
  const losses = await overfit(task.parameters, steps, forward, lr)
  expect(losses.every(Number.isFinite)).toBe(true)
  return losses.at(-1)! / losses[0]!
}

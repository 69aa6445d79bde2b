/** A two-layer regression with dropout: the smallest task that uses everything a trainer has to restore. */
import { z } from 'zod'
import { type Device, noGrad, scope, type Tensor, tensor } from '../../src/engine/index.js'
import { cast, square, sub, tanh } from '../../src/kernels/elementwise/index.js'
import { reshape } from '../../src/kernels/layout/index.js'
import { dropout } from '../../src/kernels/random/index.js'
import { mean } from '../../src/kernels/reduce/index.js'
import { initializeWeights, Linear, ParameterScope } from '../../src/models/index.js'
import type { BuildContext, Recipe, TrainingTask } from '../../src/train/index.js'
import { load, type RegressionSample } from './regression-task.js'

interface RegressionBatch {
  readonly x: Tensor
  readonly y: Tensor
}

const schema = z.strictObject({
  model: z.strictObject({ width: z.int().default(8), dropout: z.number().default(0.1) }).prefault({}),
  data: z
    .strictObject({
      items: z.int().default(12),
      /** This item's target is infinite. */
      bad: z.int().optional(),
    })
    .prefault({}),
})

export type RegressionOptions = z.output<typeof schema>

type Item = Parameters<typeof load>[0]

export function regressionTask(
  { model, data }: RegressionOptions,
  { device, seed, dtype }: Pick<BuildContext, 'device' | 'seed' | 'dtype'>,
): TrainingTask<Item, RegressionSample, RegressionBatch> {
  const parameters = new ParameterScope(device, dtype)
  const first = new Linear(parameters.at('first'), { inFeatures: 4, outFeatures: model.width })
  const second = new Linear(parameters.at('second'), { inFeatures: model.width, outFeatures: 1 })
  // Stored as [1, 3, 2], kept as [3, 2, 1]: checkpoints must turn it back.
  const turned = parameters.at('turned').declare('weight', {
    shape: [1, 3, 2],
    axes: [1, 2, 0],
    initial: { kind: 'normal', std: 0.1 },
  })
  initializeWeights(parameters, seed)
  const predict = (x: Tensor) => second.apply(tanh(first.apply(x)))
  const collate = (samples: readonly RegressionSample[]): RegressionBatch => ({
    x: tensor(device, Float32Array.from(samples.flatMap(({ x }) => Array.from(x))), [samples.length, 4], { dtype }),
    y: tensor(
      device,
      samples.map(({ y }) => y),
      [samples.length, 1],
      { dtype: 'f32' },
    ),
  })
  return {
    ...{ name: 'regression', device, parameters: parameters.parameters, metadata: { 'voxgrad.model': 'regression' } },
    training: {
      items: Array.from({ length: data.items }, (_, n) => ({ seed: n, ...(n === data.bad && { bad: true }) })),
      task: { module: new URL('./regression-task.ts', import.meta.url) },
      nameOf: (item) => `sample ${item.seed}`,
    },
    collate,
    loss({ x, y }, { generator }) {
      const hidden = dropout(tanh(first.apply(x)), { p: model.dropout, generator })
      const residual = sub(cast(second.apply(hidden), 'f32'), y)
      const size = mean(square(cast(reshape(turned.value, [6]), 'f32')))
      return { loss: mean(square(residual)), metrics: { size } }
    },
    async evaluate() {
      const held = Array.from({ length: 16 }, (_, n) =>
        load({ seed: 1000 + n }, { index: n, epoch: 0, seed: 0, data: undefined }),
      )
      const error = noGrad(() =>
        scope(() => {
          const { x, y } = collate(held)
          return mean(square(sub(cast(predict(x), 'f32'), y)))
        }),
      )
      const value = await error.item()
      error.dispose()
      return { fit: 1 / (1 + value), error: value }
    },
    dispose() {
      for (const parameter of parameters.parameters.values()) parameter.dispose()
    },
  }
}

export const regressionRecipe: Recipe<RegressionOptions> = {
  name: 'regression',
  doc: 'A two-layer regression',
  schema,
  trainDefaults: { optimizer: { name: 'adamw', lr: 0.05 }, workers: 0, batchSize: 4 },
  build: async (options, context) => regressionTask(options, context),
}

/** For a configuration in a file: `recipe: .../regression.ts`. */
export const recipe = regressionRecipe

export const openTask = (device: Device, options: unknown = {}, dtype: 'f32' | 'f16' = 'f32') =>
  regressionTask(schema.parse(options), { device, seed: 1, dtype })

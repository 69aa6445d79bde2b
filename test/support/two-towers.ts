/** Two small towers and a contrastive loss: the smallest task whose loss is over all ranks. */
import { z } from 'zod'
import { type Device, type Tensor, tensor } from '../../src/engine/index.js'
import { infoNCE, sigLip } from '../../src/kernels/contrastive/index.js'
import { add, div, exp, tanh } from '../../src/kernels/elementwise/index.js'
import { slice } from '../../src/kernels/layout/index.js'
import { dropout } from '../../src/kernels/random/index.js'
import { initializeWeights, Linear, ParameterScope } from '../../src/models/index.js'
import type { BuildContext, Embeddings, ObjectiveContext, Recipe, TrainingTask } from '../../src/train/index.js'
import type { RegressionSample } from './regression-task.js'

const schema = z.strictObject({
  model: z
    .strictObject({
      width: z.int().default(6),
      /** Layers of a tower. */
      layers: z.int().default(1),
      dropout: z.number().default(0),
      loss: z.enum(['infoNCE', 'sigLip']).default('infoNCE'),
    })
    .prefault({}),
  data: z.strictObject({ items: z.int().default(24) }).prefault({}),
})

export type TwoTowersOptions = z.output<typeof schema>

interface TwoTowersBatch {
  readonly x: Tensor
}

function twoTowersTask(
  { model, data }: TwoTowersOptions,
  { device, seed, dtype }: Pick<BuildContext, 'device' | 'seed' | 'dtype'>,
): TrainingTask<{ readonly seed: number }, RegressionSample, TwoTowersBatch> {
  const parameters = new ParameterScope(device, dtype)
  const tower = (name: string) =>
    Array.from(
      { length: model.layers },
      (_, n) =>
        new Linear(parameters.at(`${name}.${n}`), { inFeatures: n === 0 ? 2 : model.width, outFeatures: model.width }),
    )
  const towers = { image: tower('image'), text: tower('text') }
  const logScale = parameters.declare('logScale', { shape: [], initial: { kind: 'constant', value: 1 } })
  const bias = parameters.declare('bias', { shape: [], initial: { kind: 'constant', value: -0.5 } })
  initializeWeights(parameters, seed)
  const embed = ({ x }: TwoTowersBatch, { generator }: { readonly generator: ObjectiveContext['generator'] }) => {
    const apply = (layers: readonly Linear[], from: number) =>
      layers.reduce(
        (value, layer) => dropout(tanh(layer.apply(value)), { p: model.dropout, generator }),
        slice(x, [
          [0, x.shape[0]!],
          [from, from + 2],
        ]),
      )
    return { image: apply(towers.image, 0), text: apply(towers.text, 2) }
  }
  const objective = ({ image, text }: Embeddings, { ownRows: { start, count } }: Pick<ObjectiveContext, 'ownRows'>) => {
    if (model.loss === 'sigLip') return { loss: sigLip(image!, text!, { logScale: logScale.value, bias: bias.value }) }
    const own = (all: Tensor) => slice(all, [[start, start + count]])
    const options = { logScale: logScale.value, symmetric: false, offset: start }
    const directions = [infoNCE(own(image!), text!, options).loss, infoNCE(own(text!), image!, options).loss] as const
    return { loss: div(add(...directions), 2), metrics: { scale: exp(logScale.value) } }
  }
  return {
    ...{ name: 'two-towers', device, parameters: parameters.parameters, metadata: { 'voxgrad.model': 'two-towers' } },
    training: {
      items: Array.from({ length: data.items }, (_, n) => ({ seed: n })),
      task: { module: new URL('./regression-task.ts', import.meta.url) },
    },
    collate: (samples) => ({
      x: tensor(device, Float32Array.from(samples.flatMap(({ x }) => Array.from(x))), [samples.length, 4], { dtype }),
    }),
    loss: (batch, context) => objective(embed(batch, context), { ownRows: { start: 0, count: batch.x.shape[0]! } }),
    contrast: { embed, objective },
    dispose() {
      for (const parameter of parameters.parameters.values()) parameter.dispose()
    },
  }
}

/** For a configuration in a file: `recipe: .../two-towers.ts`. */
export const recipe: Recipe<TwoTowersOptions> = {
  name: 'two-towers',
  doc: 'Two small towers and a contrastive loss',
  schema,
  trainDefaults: { optimizer: { name: 'sgd', lr: 0.5 }, workers: 0, batchSize: 4 },
  build: async (options, context) => twoTowersTask(options, context),
}

export const openTwoTowers = (device: Device, options: unknown = {}, seed = 1) =>
  twoTowersTask(schema.parse(options), { device, seed, dtype: 'f32' })

/** What COLIPRI launches at its published sizes, for the tuner. */
import { type Device, empty, gradients, type Tensor, type Workload } from '../../engine/index.js'
import { Colipri } from './colipri.js'
import { type ColipriConfig, colipriPublished } from './config.js'

/** One block of each tower: the others pose the same problems. */
const config: ColipriConfig = {
  ...colipriPublished,
  image: { ...colipriPublished.image, depth: 1 },
  text: { ...colipriPublished.text, layers: 1 },
}

/** Tokens of a report that fills the text tower. */
const reportTokens = colipriPublished.text.positions

/** The image and the text tower, forward and backward, on one scan and one report. */
export function colipriWorkloads(dtype: 'f32' | 'f16'): Workload[] {
  return [
    {
      name: `colipri image, ${dtype}`,
      run(device, input) {
        const volume = input({ shape: [1, ...config.image.inputSize, 1] }, dtype)
        runTower(device, dtype, 'image_encoder', (model) => model.embedImage(volume))
      },
    },
    {
      name: `colipri text, ${dtype}`,
      run(device, input) {
        const shape = [1, reportTokens]
        const ids = input({ shape, dtype: 'i32', range: [0, config.text.vocabulary] })
        const mask = input({ shape, dtype: 'i32', range: [1, 2] })
        runTower(device, dtype, 'text_encoder', (model) => model.embedText(ids, mask))
      },
    },
  ]
}

/** Embeds with one tower and goes back to its parameters, which get memory but no values: no shape depends on them. */
function runTower(device: Device, dtype: 'f32' | 'f16', tower: string, embed: (model: Colipri) => Tensor): void {
  const model = new Colipri(device, { config, dtype })
  const parameters = [...model.parameters.parameters.values()].filter(({ name }) => name.startsWith(`${tower}.`))
  for (const parameter of parameters) parameter.set(empty(device, parameter.shape, dtype).setRequiresGrad())
  const embedding = embed(model)
  gradients(
    embedding,
    parameters.map(({ value }) => value),
    { gradient: empty(device, embedding.shape, embedding.dtype) },
  )
}

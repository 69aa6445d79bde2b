/** What fVLM launches at its published sizes, for the tuner. */
import { type Device, empty, gradients, type Tensor, type Workload } from '../../engine/index.js'
import { type FvlmConfig, fvlmPublished, trainingCrop } from './config.js'
import { Fvlm } from './fvlm.js'

/** Two blocks, so that one is tapped, and one layer: the others pose the same problems. */
const config: FvlmConfig = {
  ...fvlmPublished,
  vision: { ...fvlmPublished.vision, depth: 2, taps: [0] },
  text: { ...fvlmPublished.text, layers: 1 },
}

/** The image tower on a crop of training, organ pooling over its tokens, and the text tower, forward and backward. */
export function fvlmWorkloads(dtype: 'f32' | 'f16'): Workload[] {
  return [
    {
      name: `fvlm image, ${dtype}`,
      run(device, input) {
        const volume = input({ shape: [1, ...trainingCrop(config), 1] }, dtype)
        embedAndReturn(device, dtype, /^(visual_encoder|attention|vision_projs\.0)\.|^query_tokens$/, (model) => {
          const { levels } = model.vision.encode(volume)
          const selected = new Uint8Array(config.anatomies.length * levels[0]!.shape[1]!).fill(1)
          return model.pooling.apply(levels, selected, { only: [0] }).unit[0]!
        })
      },
    },
    {
      name: `fvlm text, ${dtype}`,
      run(device, input) {
        const shape = [1, config.text.length]
        const ids = input({ shape, dtype: 'i32', range: [0, config.text.vocabulary] })
        const mask = input({ shape, dtype: 'i32', range: [1, 2] })
        embedAndReturn(device, dtype, /^(text_encoder|text_proj)\./, (model) => model.embedText(ids, mask))
      },
    },
  ]
}

/** Embeds with some parameters and goes back to them. They get memory but no values: no shape depends on these. */
function embedAndReturn(device: Device, dtype: 'f32' | 'f16', wanted: RegExp, embed: (model: Fvlm) => Tensor): void {
  const model = new Fvlm(device, { config, dtype })
  const parameters = [...model.parameters.parameters.values()].filter(({ name }) => wanted.test(name))
  for (const parameter of parameters) parameter.set(empty(device, parameter.shape, dtype).setRequiresGrad())
  const embedding = embed(model)
  gradients(
    embedding,
    parameters.map(({ value }) => value),
    { gradient: empty(device, embedding.shape, embedding.dtype) },
  )
}

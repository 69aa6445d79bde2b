/** Losses, decoders and retrieval, each alone. */

import { scope, type Tensor } from '../../../../src/engine/index.js'
import { cast } from '../../../../src/kernels/elementwise/index.js'
import { concat } from '../../../../src/kernels/join/index.js'
import { permute, reshape, slice } from '../../../../src/kernels/layout/index.js'
import { diceCE } from '../../../../src/kernels/losses/index.js'
import { mean } from '../../../../src/kernels/reduce/index.js'
import { loadWeights, ParameterScope } from '../../../../src/models/index.js'
import { ConvolutionReconstruction, LinearReconstruction } from '../../../../src/models/velvet/heads.js'
import {
  localContrast,
  matchingWeights,
  regionAttention,
  reportContrast,
  total,
  visionLosses,
} from '../../../../src/models/velvet/objectives.js'
import { channelsFirst, channelsLast, numbers, type VelvetCase, volumeAxes } from './common.js'

export async function runReportLoss(golden: VelvetCase): Promise<void> {
  const { label_smoothing: labelSmoothing, image_to_text_weight: imageToTextWeight } = golden.config
  const name = golden.golden.names('weight.')[0]!
  const [image, text, temperature] = ['input.image', 'input.text', `weight.${name}`].map((key) =>
    golden.tensor(key).setRequiresGrad(),
  ) as [Tensor, Tensor, Tensor]
  const run = () => reportContrast(image, text, temperature, { labelSmoothing, imageToTextWeight })
  const { loss, imageToText, textToImage, logits } = run()
  await golden.checkOutputs({ loss, image_to_text: imageToText, text_to_image: textToImage, logits })
  await golden.checkGradients(() => run().loss, {
    inputs: { image: { value: image }, text: { value: text }, [name]: { value: temperature } },
  })
}

export async function runLocalLoss(golden: VelvetCase): Promise<void> {
  const { temperatures } = golden.config
  const counts = [...golden.values('input.counts')]
  const regions = golden.tensor('input.regions').setRequiresGrad()
  const text = golden.tensor('input.text').setRequiresGrad()
  const [n, h, w, d, features] = regions.shape as [number, number, number, number, number]
  const run = (aggregate: 'sum' | 'mean') =>
    scope(() => localContrast(reshape(regions, [n, h * w * d, features]), text, counts, { temperatures, aggregate }))
  const summed = run('sum')
  const averaged = run('mean')
  let first = 0
  const heat = counts.map((count, i) => {
    const own = slice(text, [[first, first + count]])
    first += count
    const map = regionAttention(reshape(slice(regions, [[i, i + 1]]), [1, h * w * d, features]), own, temperatures[0])
    return reshape(map, [count, h * w * d])
  })
  await golden.checkOutputs({
    loss: summed.loss,
    row: summed.row,
    column: summed.column,
    similarity: summed.similarity,
    attention: concat(heat, 0),
    'mean.loss': averaged.loss,
    'mean.similarity': averaged.similarity,
  })
  await golden.checkGradients(() => run('sum').loss, { inputs: { regions: { value: regions }, text: { value: text } } })
}

export async function runMatchingWeights(golden: VelvetCase): Promise<void> {
  const image = golden.tensor('input.image')
  const text = golden.tensor('input.text')
  const { imageForText, textForImage } = matchingWeights(image, text, golden.config.temperature)
  await golden.checkOutputs({ for_text: imageForText, for_image: textForImage })
}

export async function runVisionLosses(golden: VelvetCase): Promise<void> {
  const names = ['view1', 'view2', 'rotation_logits', 'reconstruction'] as const
  const [view1, view2, rotationLogits, reconstruction] = names.map((name) =>
    golden.tensor(`input.${name}`).setRequiresGrad(),
  ) as [Tensor, Tensor, Tensor, Tensor]
  const turns = golden.tensor('input.rotation_labels', { dtype: 'i32' })
  const target = golden.tensor('input.target')
  const { temperature } = golden.config
  const run = () => visionLosses({ view1, view2, rotationLogits, reconstruction, turns, target, temperature })
  const { contrast, rotation, reconstruction: l1 } = run()
  await golden.checkOutputs({ contrast, rotation, reconstruction: l1, loss: total([contrast, rotation, l1]) })
  const leaves = { view1, view2, rotation_logits: rotationLogits, reconstruction }
  await golden.checkGradients(() => total(Object.values(run())), {
    inputs: Object.fromEntries(Object.entries(leaves).map(([name, value]) => [name, { value }])),
  })
}

export async function runDecoders(golden: VelvetCase): Promise<void> {
  const { channels, doublings } = golden.config
  const parameters = new ParameterScope(golden.device)
  const deconv = new LinearReconstruction(parameters.at('deconv'), channels, doublings)
  const unet = new ConvolutionReconstruction(parameters.at('unet'), channels, doublings)
  await loadWeights(parameters, golden.weights())
  const x = golden.volume('input.x').setRequiresGrad()
  const run = () => scope(() => ({ deconv: channelsFirst(deconv.apply(x)), unet: channelsFirst(unet.apply(x)) }))
  await golden.checkOutputs(run())
  await golden.checkGradients(() => golden.weighted(run()), {
    parameters,
    inputs: { x: { value: x, axes: volumeAxes } },
  })
}

export async function runDiceCe(golden: VelvetCase): Promise<void> {
  const logits = golden.tensor('input.logits').setRequiresGrad()
  const { smooth } = golden.config
  const labels = labelMap(golden, 'input.label')
  const run = () => scope(() => diceCE(channelsLast(logits), labels, { smooth }))
  const { loss, ce, dice } = run()
  const overlap = await scope(() => mean(dice)).item()
  const perClass = await numbers(dice)
  await golden.checkOutputs({
    loss,
    cross_entropy: ce,
    dice: 1 - overlap,
    dice_per_class: perClass.map((value) => 1 - value),
  })
  await golden.checkGradients(() => run().loss, { inputs: { logits: { value: logits } } })
}

/** Labels `[N, 1, H, W, D]` as i32 `[N, H, W, D]`. */
export function labelMap(golden: VelvetCase, name: string): Tensor {
  const [n, , ...size] = golden.shape(name) as [number, number, ...number[]]
  return scope(() => cast(reshape(permute(golden.tensor(name), [0, 2, 3, 4, 1]), [n, ...size]), 'i32'))
}

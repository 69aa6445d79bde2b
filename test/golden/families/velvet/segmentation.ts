/** The segmenter, sliding windows and segmentation metrics. */
import { gradients, scope, type Tensor, tensor } from '../../../../src/engine/index.js'
import { affine, mul } from '../../../../src/kernels/elementwise/index.js'
import { concat } from '../../../../src/kernels/join/index.js'
import { diceCE } from '../../../../src/kernels/losses/index.js'
import { mean } from '../../../../src/kernels/reduce/index.js'
import { loadWeights, ParameterScope } from '../../../../src/models/index.js'
import {
  gaussianImportance,
  type SlidingWindowOptions,
  slidingStarts,
  slidingWindow,
} from '../../../../src/models/velvet/sliding-window.js'
import { SwinUnetr } from '../../../../src/models/velvet/swin-unetr.js'
import { type LabelScores, segmentationScores } from '../../../../src/train/index.js'
import { channelsFirst, every, numbers, stored, type VelvetCase } from './common.js'
import { labelMap } from './objectives.js'
import { swinConfig } from './swin.js'

type Triple = [number, number, number]

export async function runSwinUnetr(golden: VelvetCase): Promise<void> {
  const { config } = golden
  const parameters = new ParameterScope(golden.device)
  const model = new SwinUnetr(parameters, { vision: swinConfig(config, config.merging), classes: config.classes })
  await loadWeights(parameters, golden.weights(config.key_prefix))
  const image = golden.volume('input.image', { scale: 255 })
  const label = labelMap(golden, 'input.label')
  const results: Record<string, Tensor | ArrayLike<number> | number> = {}

  const maps = model.maps(image)
  const parts: Record<string, Tensor> = {
    'swin.x3': maps.maps[3]!,
    'swin.x4': maps.maps[4]!,
    encoder1: maps.encoder1,
    encoder2: maps.skips[0]!,
    encoder3: maps.skips[1]!,
    encoder4: maps.skips[2]!,
    encoder10: maps.deepest,
    ...Object.fromEntries(maps.decoded.map((map, i) => [`decoder${5 - i}`, map])),
  }
  for (const name of golden.golden.names('output.')) {
    const [, part, step] = /^(.*?)(?:\.every(\d+))?$/.exec(name)!
    if (parts[part!]) results[name] = every(await stored(parts[part!]!), Number(step ?? 1))
  }
  results['logits.every4'] = every(await stored(maps.logits), 4, 1)
  results['logits.class_mean'] = mean(maps.logits, { axes: [0, 1, 2, 3] })
  const losses = diceCE(maps.logits, label, { smooth: config.dice_smooth })
  results.loss = losses.loss
  results['loss.cross_entropy'] = losses.ce
  results['loss.dice'] = affine(mean(losses.dice), -1, 1)

  const names: string[] = config.gradient_names
  const own = names.map((name) => parameters.parameters.get(name.slice(config.key_prefix.length))!)
  const objective = (): Tensor => diceCE(model.apply(image), label, { smooth: config.dice_smooth }).loss
  const found = scope(() =>
    gradients(
      objective(),
      own.map(({ value }) => value),
    ),
  )
  const norms: number[] = []
  for (const gradient of found) norms.push(Math.sqrt((await numbers(gradient)).reduce((sum, x) => sum + x * x, 0)))
  results.gradient_norms = norms
  await golden.checkGradients(objective, { parameters, prefix: config.key_prefix })

  Object.assign(results, await slidingResults(golden, model))
  await golden.checkOutputs(results)
  model.dispose()
}

async function slidingResults(golden: VelvetCase, model: SwinUnetr) {
  const { config } = golden
  const volume = golden.volume('input.volume', { scale: 255 })
  const truth = golden.values('input.volume_label')
  const shape = golden.shape('input.volume').slice(2) as Triple
  const run = (blending: SlidingWindowOptions['blending']): Tensor =>
    slidingWindow(volume, (windows) => model.apply(windows), {
      window: config.roi,
      overlap: config.overlap,
      blending,
      sigmaScale: config.gaussian_sigma_scale,
      windowBatch: config.window_batch,
    })
  const uniform = run('uniform')
  const logits = await uniform.data()
  const labels = argmax(logits, config.classes)
  const wanted = golden.values('output.sliding.uniform.labels')
  const scores = segmentationScores(labels, truth, metricOptions(config, shape, config.surface_dice_tolerance))
  const metrics = metricTable([scores])
  return {
    'sliding.uniform.every3': every(await stored(uniform), 3),
    'sliding.gaussian.every3': every(await stored(run('gaussian')), 3),
    'sliding.uniform.loss': diceCE(uniform, labelMap(golden, 'input.volume_label'), { smooth: config.dice_smooth })
      .loss,
    // 255 marks voxels whose two best classes are too close to compare.
    'sliding.uniform.labels': labels.map((label, n) => (wanted[n] === 255 ? 255 : label)),
    ...Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`sliding.${name}`, value])),
  }
}

function argmax(logits: ArrayLike<number>, classes: number): Uint8Array {
  return Uint8Array.from({ length: logits.length / classes }, (_, voxel) => {
    let best = 0
    for (let c = 1; c < classes; c++) if (logits[voxel * classes + c]! > logits[voxel * classes + best]!) best = c
    return best
  })
}

const metricOptions = (config: { classes: number }, shape: Triple, toleranceMm: number) => ({
  shape,
  labels: Array.from({ length: config.classes - 1 }, (_, i) => i + 1),
  toleranceMm,
})

/** Dice as upstream has it: left out (NaN) where the truth lacks the class. */
const upstreamDice = ({ dice, truthVoxels }: LabelScores): number => (truthVoxels === 0 ? Number.NaN : dice)

function metricTable(items: readonly LabelScores[][]): Record<string, number[]> {
  const table = (value: (scores: LabelScores) => number): number[][] => items.map((scores) => scores.map(value))
  const tables = {
    dice: table(upstreamDice),
    nsd: table(({ surfaceDice }) => surfaceDice),
    hd95: table(({ hd95Mm }) => hd95Mm),
  }
  const result: Record<string, number[]> = {}
  for (const [name, rows] of Object.entries(tables)) {
    result[name] = rows.flat()
    result[`${name}_mean`] = [meanOfItems(rows)]
    for (const [i, row] of rows.entries()) result[`${name}_mean_item${i}`] = [meanOfItems([row])]
  }
  return result
}

/** Over the classes that are not NaN, then over the items that have any; 0 where there is nothing, as upstream. */
function meanOfItems(rows: readonly number[][]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length
  const own = rows.map((row) => row.filter((x) => !Number.isNaN(x))).filter((row) => row.length > 0)
  return own.length > 0 ? mean(own.map(mean)) : 0
}

export async function runSegmentationMetrics(golden: VelvetCase): Promise<void> {
  const { config } = golden
  const [items, , ...shape] = golden.shape('input.truth') as [number, number, ...Triple]
  const voxels = shape[0] * shape[1] * shape[2]
  const item = (name: string, i: number): Float64Array => golden.values(name).subarray(i * voxels, (i + 1) * voxels)
  const options = metricOptions(config, shape, config.tolerance_voxels)
  const scores = Array.from({ length: items }, (_, i) =>
    segmentationScores(item('input.prediction', i), item('input.truth', i), options),
  )
  await golden.checkOutputs(metricTable(scores))
}

/** An easy predictor: the content, and the content times a ramp over the window. */
export async function runSlidingWindow(golden: VelvetCase): Promise<void> {
  const { config } = golden
  const results: Record<string, Tensor | ArrayLike<number>> = {}
  for (const { name, shape, window, overlap } of config.jobs as {
    name: string
    shape: number[]
    window: Triple
    overlap: number
  }[]) {
    const voxels = window[0] * window[1] * window[2]
    const ramp = tensor(
      golden.device,
      Float32Array.from({ length: voxels }, (_, n) => 1 + n / voxels),
      [1, ...window, 1],
    )
    const predict = (x: Tensor): Tensor => concat([x, mul(x, ramp)], 4)
    const size = shape.slice(2).map((extent, axis) => Math.max(extent, window[axis]!)) as Triple
    results[`${name}.starts`] = slidingStarts(size, window, overlap).flat()
    results[`${name}.importance`] = gaussianImportance(window, config.sigma_scale)
    for (const blending of ['uniform', 'gaussian'] as const) {
      const options = { window, overlap, blending, sigmaScale: config.sigma_scale }
      results[`${name}.${blending}`] = channelsFirst(slidingWindow(golden.volume(`input.${name}`), predict, options))
    }
  }
  await golden.checkOutputs(results)
}

/** The whole objective on one batch, its gradients, and a few optimizer steps. */
import { backward, gradients, scope, type Tensor } from '../../../../src/engine/index.js'
import { concat } from '../../../../src/kernels/join/index.js'
import { slice } from '../../../../src/kernels/layout/index.js'
import { turnSamples } from '../../../../src/models/velvet/augment.js'
import {
  contrastLevels,
  matchPairs,
  type Negatives,
  type PretrainingBatch,
  type PretrainingOptions,
  predictTokens,
  pretrainingLosses,
  superviseViews,
} from '../../../../src/models/velvet/pretraining.js'
import { poolLevel, textLevels } from '../../../../src/models/velvet/text-levels.js'
import { maskTokens } from '../../../../src/models/velvet/text-tokens.js'
import { Velvet } from '../../../../src/models/velvet/velvet.js'
import { AdamW, cosine } from '../../../../src/train/index.js'
import { channelsFirst, every, numbers, stored, type VelvetCase } from './common.js'
import { swinConfig } from './swin.js'
import { maskingDraws, paddedRows, textRows, triBertConfig } from './text.js'

export async function runJoint(golden: VelvetCase): Promise<void> {
  const { config } = golden
  const model = await jointModel(golden)
  const { batch, negatives, options } = jointInputs(golden)
  const parameters = model.parameters
  const forward = () => pretrainingLosses(model, batch, negatives, options)

  const results: Record<string, Tensor | ArrayLike<number> | number> = {
    ...(await lossResults(forward())),
    ...(await intermediateResults(golden, model)),
    'fusion_mlm.masked_ids': batch.fusionMasked.ids,
    'fusion_mlm.labels': batch.fusionMasked.labels,
    'text_mlm.masked_ids': batch.textMasked.ids,
    'text_mlm.labels': batch.textMasked.labels,
  }
  const names: string[] = config.gradient_names
  const leaves = names.map((name) => parameters.parameters.get(name)!.value)
  const found = scope(() => gradients(forward().loss, leaves))
  const [norms, sums]: [number[], number[]] = [[], []]
  for (const gradient of found) {
    const values = await numbers(gradient)
    norms.push(Math.sqrt(values.reduce((sum, x) => sum + x * x, 0)))
    sums.push(values.reduce((sum, x) => sum + x, 0))
    gradient.dispose()
  }
  Object.assign(results, { gradient_norms: norms, gradient_sums: sums })
  await golden.checkGradients(() => forward().loss, { parameters })
  Object.assign(results, await trajectory(golden, model, forward))
  await golden.checkOutputs(results)
  model.dispose()
}

async function jointModel(golden: VelvetCase): Promise<Velvet> {
  const { vision, text, projection } = golden.config
  const config = {
    vision: swinConfig(vision, vision.merging),
    text: triBertConfig(text),
    projectionFeatures: projection,
  }
  return new Velvet(golden.device, { config }).load(golden.weights())
}

function jointInputs(golden: VelvetCase) {
  const { config } = golden
  const continuation = golden.values('input.continuation')
  const text = textRows(golden)
  const firstSentenceId: number = config.text.first_sentence_id
  const special = { pad: 0, start: 2, mask: 4 }
  const masked = (run: string) =>
    maskTokens(text.ids, maskingDraws(golden, `${run}.`), {
      special,
      firstSentenceId,
      probability: config.mlm_probability,
    })
  const turns = golden.values('input.rotation')
  const crops = golden.volume('input.volume_vis', { scale: 255 })
  const batch: PretrainingBatch = {
    volume: golden.volume('input.volume_vl', { scale: 255 }),
    text,
    views: [golden.volume('input.view1', { scale: 255 }), golden.volume('input.view2', { scale: 255 })],
    turns,
    target: scope(() => turnSamples(concat([crops, crops], 0), turns)),
    fusionMasked: masked('fusion'),
    textMasked: masked('text'),
  }
  const negatives: Negatives = {
    imageForText: golden.values('input.negative_image_for_text'),
    textForImage: golden.values('input.negative_text_for_image'),
  }
  const options: PretrainingOptions = {
    tokens: { startId: special.start, firstSentenceId, isContinuation: (id: number) => continuation[id] === 1 },
    labelSmoothing: config.label_smoothing,
    localTemperatures: config.local_temperatures,
    contrastTemperature: config.contrast_temperature,
  }
  return { batch, negatives, options }
}

async function lossResults(losses: ReturnType<typeof pretrainingLosses>): Promise<Record<string, number>> {
  const value: Record<string, number> = {}
  for (const [name, loss] of Object.entries(losses)) value[name] = await loss.item()
  return {
    loss: value.loss!,
    'loss.report': value.report!,
    'loss.sentence': value.sentence!,
    'loss.word': value.word!,
    'loss.itc': value.report! + value.sentence! + value.word!,
    'loss.matching': value.matching!,
    'loss.fusion_mlm': value.fusionTokens!,
    'loss.fusion': value.matching! + value.fusionTokens!,
    'loss.contrast': value.contrast!,
    'loss.rotation': value.rotation!,
    'loss.reconstruction': value.reconstruction!,
    'loss.vision_ssl': value.contrast! + value.rotation! + value.reconstruction!,
    'loss.text_mlm': value.textTokens!,
  }
}

/** Everything on the way, by the golden names. */
async function intermediateResults(golden: VelvetCase, model: Velvet) {
  const { batch, negatives, options } = jointInputs(golden)
  const levels = contrastLevels(model, batch, options)
  const pairs = matchPairs(model, levels.shared, negatives, options)
  const tokens = predictTokens(model, batch, levels.shared, options)
  const views = superviseViews(model, batch, options)
  const pooling = textLevels(batch.text, options.tokens)
  const [n] = batch.text.shape
  const third = (x: Tensor): Tensor => slice(x, [[0], [0, x.shape[1]!, 3]])
  return {
    'volume_vl.x2': channelsFirst(levels.maps[2]!),
    'volume_vl.x3': channelsFirst(levels.maps[3]!),
    'volume_vl.x4': channelsFirst(levels.maps[4]!),
    'view1.x4': channelsFirst(views.deepest[0]!),
    'view2.x4': channelsFirst(views.deepest[1]!),
    vision_tokens: levels.shared.visionTokens,
    'text.states': levels.shared.textStates,
    'text.merged': await paddedRows(
      poolLevel(levels.shared.textStates, pooling.merged),
      levels.shared.textStates.shape,
    ),
    counts: Array.from({ length: n }, (_, i) => [levels.text.sentenceCounts[i]!, levels.text.wordCounts[i]!]).flat(),
    'report.image': levels.image.report,
    'report.text': levels.text.report,
    'sentence.regions': await regionGrid(levels.image.sentence, levels.maps[3]!, 1),
    'sentence.text': levels.text.sentence,
    'word.regions': await regionGrid(levels.image.word, levels.maps[2]!, 2),
    'word.text': levels.text.word,
    'matching.weights_image_for_text': levels.weights.imageForText,
    'matching.weights_text_for_image': levels.weights.textForImage,
    'matching.logits': pairs.logits,
    'matching.positive': slice(pairs.fused, [[0, n]]),
    'matching.negative': slice(pairs.fused, [[n, 3 * n]]),
    'matching.target': pairs.target,
    'fusion_mlm.states': tokens.fusionStates,
    'fusion_mlm.logits': third(tokens.fusionLogits),
    'text_mlm.states': tokens.textStates,
    'text_mlm.logits': third(tokens.textLogits),
    'contrast.view1': views.view1,
    'contrast.view2': views.view2,
    'rotation.logits': views.rotationLogits,
    'reconstruction.every4': every(await stored(views.reconstruction), 4),
  }
}

/** Projected regions on their grid `[N, h, w, d, E]`, every n-th along each axis. */
async function regionGrid(projected: Tensor, map: Tensor, step: number): Promise<Float64Array> {
  const [n, h, w, d] = map.shape as [number, number, number, number]
  const features = projected.shape[2]!
  const values = await numbers(projected)
  const picked: number[] = []
  for (let sample = 0; sample < n; sample++) {
    for (let i = 0; i < h; i += step) {
      for (let j = 0; j < w; j += step) {
        for (let k = 0; k < d; k += step) {
          const start = (((sample * h + i) * w + j) * d + k) * features
          picked.push(...values.subarray(start, start + features))
        }
      }
    }
  }
  return Float64Array.from(picked)
}

async function trajectory(golden: VelvetCase, model: Velvet, forward: () => ReturnType<typeof pretrainingLosses>) {
  const { lr, betas, eps, weight_decay, cosine_steps, cosine_min, steps } = golden.config.trajectory
  const leaves = [...model.parameters.parameters.values()].map(({ value }) => value)
  const optimizer = new AdamW(leaves, { lr, betas, eps, weightDecay: weight_decay })
  const schedule = cosine({ base: lr, total: cosine_steps, min: cosine_min })
  const losses: number[] = []
  const rates: number[] = []
  for (let step = 0; step < steps; step++) {
    optimizer.lr = schedule(step)
    rates.push(optimizer.lr)
    const loss = scope(() => {
      optimizer.zeroGrad()
      const value = forward().loss
      backward(value)
      optimizer.step()
      return value.detach()
    })
    losses.push(await loss.item())
    loss.dispose()
  }
  losses.push(await forward().loss.item())
  const parameter = (name: string) => model.parameters.parameters.get(name)!.value.data()
  return {
    'trajectory.loss': losses,
    'trajectory.learning_rate': rates,
    'trajectory.patch_embed_bias': await parameter('vision_ssl.vision_encoder.patch_embed.proj.bias'),
    'trajectory.temperature': await parameter('top_itc_criterion.temperature'),
  }
}

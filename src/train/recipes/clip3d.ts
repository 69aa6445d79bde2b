/** Plain 3D-CLIP, the baseline: COLIPRI's towers without its poolers, one vector each, one InfoNCE. */
import { z } from 'zod'
import { scope, type Tensor } from '../../engine/index.js'
import { reshape, slice } from '../../kernels/layout/index.js'
import { l2Normalize } from '../../kernels/losses/index.js'
import { mean } from '../../kernels/reduce/index.js'
import { Colipri, describeWeights, type TextTensors } from '../../models/index.js'
import type { BuildContext, Recipe } from '../recipe.js'
import type { TrainingTask } from '../task.js'
import { primusDefaults, sentencesOf, tokenMeans } from './colipri.js'
import { colipriConfigOf, colipriModelSchema, reportDataSchema } from './colipri-options.js'
import { contrastOwnRows } from './contrast.js'
import type { ProbeAccess } from './probing.js'
import { openReportData } from './report-data.js'
import type { StudySample } from './study-data.js'
import { scoresOfStudies } from './study-scores.js'
import { checkVocabulary, encodeTexts, sampleStream, shuffledReport } from './texts.js'
import { rowsInBatches, rowsOf, volumeBatch } from './vectors.js'

const clip3dSchema = z.strictObject({
  model: colipriModelSchema,
  data: reportDataSchema,
  objective: z
    .strictObject({
      temperature: z.number().positive().default(0.07),
      shortening: z.number().min(0).max(1).default(0.5),
    })
    .prefault({}),
})

type Clip3dOptions = z.output<typeof clip3dSchema>

interface ClipBatch extends TextTensors {
  readonly volume: Tensor
}

export const clip3dRecipe: Recipe<Clip3dOptions> = {
  name: 'clip3d',
  doc: "3D-CLIP, the baseline: mean of COLIPRI's image tokens and [CLS] of its text, one contrastive objective",
  schema: clip3dSchema,
  trainDefaults: primusDefaults,
  build: buildClip3d,
}

/** Unit vectors of volumes: the mean over the projected tokens. */
const imageVectors = (model: Colipri, volume: Tensor): Tensor =>
  scope(() => l2Normalize(mean(model.projectImage(volume), { axes: 1 }), { axis: 1 }))

/** Unit vectors of texts: the state of [CLS]. */
const textVectors = (model: Colipri, { ids, mask }: TextTensors): Tensor =>
  scope(() => {
    const states = model.text.backbone.apply(ids, mask)
    const [texts, , features] = states.shape as [number, number, number]
    const first = slice(states, [
      [0, texts],
      [0, 1],
    ])
    return l2Normalize(reshape(first, [texts, features]), { axis: 1 })
  })

async function buildClip3d(options: Clip3dOptions, context: BuildContext): Promise<TrainingTask> {
  const { device, dtype, seed, checkpointing } = context
  const { temperature, shortening } = options.objective
  const config = { ...colipriConfigOf(options.model), softmaxTemperature: temperature }
  const data = await openReportData(options.data, config)
  const { tokenizer } = data
  checkVocabulary(tokenizer, config.text.vocabulary)
  const model = new Colipri(device, { config, dtype })
  model.image.checkpointing = checkpointing
  model.initialize(seed)
  // The attention poolers are not part of this model: they are neither trained nor stored.
  const own = [...model.parameters.parameters].filter(([name]) => !name.includes('.pooler.'))
  const encode = (texts: readonly string[]) => encodeTexts(device, tokenizer, texts, config.text.positions)
  const embed = (batch: ClipBatch) => ({ image: imageVectors(model, batch.volume), text: textVectors(model, batch) })
  const task: TrainingTask<unknown, StudySample, ClipBatch> & { readonly probe: ProbeAccess } = {
    probe: { data, features: (samples) => rowsOf(() => tokenMeans(model, volumeBatch(device, samples, dtype))) },
    ...{ name: 'clip3d', device, parameters: new Map(own), training: data.training },
    metadata: describeWeights({ model: 'clip3d', config, vocabulary: tokenizer.vocabulary.tokens().join('\n') }),
    collate: (samples, step) => {
      const texts = samples.map((sample, n) =>
        shuffledReport(sentencesOf(sample), sampleStream(step, 'sentences', n), shortening),
      )
      return { volume: volumeBatch(device, samples, dtype), ...encode(texts) }
    },
    loss: (batch) => {
      const { image, text } = embed(batch)
      const count = image.shape[0]!
      return { loss: contrastOwnRows(image, text, { start: 0, count }, temperature) }
    },
    contrast: {
      embed,
      objective: ({ image, text }, { ownRows }) => ({ loss: contrastOwnRows(image!, text!, ownRows, temperature) }),
    },
    evaluate: (split, evaluation) =>
      scoresOfStudies(
        {
          data,
          embedTexts: (texts) => rowsInBatches(texts, (part) => textVectors(model, encode(part))),
          embedSamples: (samples) => rowsOf(() => imageVectors(model, volumeBatch(device, samples, dtype))),
        },
        split,
        evaluation,
      ),
    dispose: () => model.dispose(),
  }
  return task as TrainingTask
}

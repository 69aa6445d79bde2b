/** fVLM's objective, for a batch at hand or spread over chunks and processes, for one model or two that teach each other. */
import { createHash } from 'node:crypto'
import { full, scope, type Tensor, tensor, zeros } from '../../engine/index.js'
import { add, cast, maximum, minimum, mul, sub } from '../../kernels/elementwise/index.js'
import { indexSelect } from '../../kernels/gather/index.js'
import { concat } from '../../kernels/join/index.js'
import {
  coTeachingLosses,
  embedBatch,
  type Fvlm,
  type FvlmBatch,
  fvlmLoss,
  isNormal,
  normalTemplate,
  type OrganBatch,
  type OrganPairs,
  type TextTokenizer,
  temperatureBounds,
} from '../../models/index.js'
import type { ContrastiveObjective, Embeddings, StepContext, TaskLoss } from '../task.js'

export interface FvlmObjective {
  readonly tokenizer: TextTokenizer
  /** The model, and with co-teaching its peer. */
  readonly models: readonly Fvlm[]
  /** Part of the targets that the peer decides. */
  readonly alpha: number
}

/** The loss of a batch that is here as a whole. Anatomies that no sample shows whole and abnormal cost no text pass. */
export function wholeLoss(objective: FvlmObjective, batch: FvlmBatch, { generator }: StepContext): TaskLoss {
  const { models, tokenizer } = objective
  return lossOf(
    objective,
    models.map((model) => embedBatch(model, tokenizer, batch, { dropping: model.dropping(generator) })),
  )
}

/**
 * The same over all chunks and processes. Each process computes the loss of all samples, so that the mean over them is
 * that of one process with all samples, and so are the gradients. In the release vectors of other processes carry none.
 */
export function spreadObjective(objective: FvlmObjective): ContrastiveObjective<FvlmBatch> {
  const { models, tokenizer } = objective
  const { anatomies } = models[0]!.config
  return {
    onHost: ['captions'],
    embed: (batch, { generator }) =>
      scope(() => {
        const { samples } = batch.mask
        const rows: Record<string, Tensor> = {}
        let captions: Float32Array = new Float32Array()
        for (const [m, model] of models.entries()) {
          const organs = embedBatch(model, tokenizer, batch, { only: anatomies, dropping: model.dropping(generator) })
          captions = captionCodes(organs, anatomies, samples)
          for (const anatomy of anatomies) {
            const organ = organs.find((one) => one.anatomy === anatomy)
            for (const tower of towers) rows[nameOf(m, tower, anatomy)] = spread(model, samples, organ, tower)
          }
        }
        const shape = [samples, anatomies.length * codeLength]
        return { ...rows, captions: tensor(models[0]!.device, captions, shape) }
      }),
    objective: (all, { values }) =>
      lossOf(
        objective,
        models.map((_, m) => gatheredPairs(all, values.captions!, anatomies, m)),
      ),
  }
}

const towers = ['image', 'text'] as const

const nameOf = (model: number, tower: string, anatomy: string): string => `${model} ${tower} ${anatomy}`

/** A row for each sample of a chunk: zeros, without a gradient, for those that do not show the anatomy whole. */
function spread(model: Fvlm, samples: number, organ: OrganBatch | undefined, tower: 'image' | 'text'): Tensor {
  const none = zeros(model.device, [1, model.config.projectionFeatures], { dtype: model.parameters.dtype })
  const places = Int32Array.from({ length: samples }, (_, n) => (organ?.samples.indexOf(n) ?? -1) + 1)
  const rows = organ ? concat([none, organ[tower]], 0) : none
  return indexSelect(rows, tensor(model.device, places), { axis: 0 })
}

/** Numbers that a caption travels in. */
const codeLength = 5

/**
 * `[samples, anatomies, 5]`: 1 if the sample shows the anatomy whole, 1 if the caption is normal, and 72 bits that tell it
 * from other captions, in three numbers that f32 holds exactly.
 */
function captionCodes(organs: readonly OrganBatch[], anatomies: readonly string[], samples: number): Float32Array {
  const codes = new Float32Array(samples * anatomies.length * codeLength)
  for (const { anatomy, samples: own, captions } of organs) {
    for (const [i, sample] of own.entries()) {
      const digest = createHash('sha256').update(captions[i]!).digest()
      const parts = [0, 3, 6].map((first) => digest.readUIntBE(first, 3))
      const place = (sample * anatomies.length + anatomies.indexOf(anatomy)) * codeLength
      codes.set([1, isNormal(captions[i]!, anatomy) ? 1 : 0, ...parts], place)
    }
  }
  return codes
}

/** The pairs of all samples. Captions are stand-ins, normal or equal where the true ones are. */
function gatheredPairs(
  all: Embeddings,
  codes: Float32Array,
  anatomies: readonly string[],
  model: number,
): OrganPairs[] {
  const width = anatomies.length * codeLength
  return anatomies.flatMap((anatomy, o): OrganPairs[] => {
    const codeOf = (n: number) => codes.subarray(n * width + o * codeLength, n * width + (o + 1) * codeLength)
    const shown = Array.from({ length: codes.length / width }, (_, n) => n).filter((n) => codeOf(n)[0] === 1)
    if (shown.length === 0) return []
    const captions = shown.map((n) => {
      const [, normal, ...digest] = codeOf(n)
      return normal === 1 ? normalTemplate(anatomy) : digest.join()
    })
    const [image, text] = towers.map((tower) => {
      const rows = all[nameOf(model, tower, anatomy)]!
      return indexSelect(rows, tensor(rows.device, Int32Array.from(shown)), { axis: 0 })
    }) as [Tensor, Tensor]
    return [{ anatomy, captions, image, text }]
  })
}

/** The sum over the anatomies. A batch that teaches nothing has loss 0 and leaves no gradient but a zero. */
function lossOf({ models, alpha }: FvlmObjective, organs: readonly (readonly OrganPairs[])[]): TaskLoss {
  const [temperature, peerTemperature] = models.map((model) => bounded(model.temperature.value)) as [Tensor, Tensor?]
  const nothing = mul(temperature, 0)
  if (peerTemperature === undefined) return { loss: fvlmLoss(organs[0]!, temperature) ?? nothing }
  const first = { organs: organs[0]!, temperature }
  const second = { organs: organs[1]!, temperature: peerTemperature }
  const [own, peer] = coTeachingLosses(first, second, alpha) ?? [nothing, mul(peerTemperature, 0)]
  return { loss: add(own, peer), metrics: { own, peer } }
}

/**
 * The temperature within the bounds that the release moves the stored one into before each step. As there, the bounds do
 * not stop its gradient.
 */
function bounded(temperature: Tensor): Tensor {
  const [low, high] = temperatureBounds.map((bound) => full(temperature.device, [], bound)) as [Tensor, Tensor]
  const value = cast(temperature, 'f32')
  const fixed = value.detach()
  return add(value, sub(minimum(maximum(fixed, low), high), fixed))
}

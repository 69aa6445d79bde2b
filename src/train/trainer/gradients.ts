/** The gradients of one step: over micro-batches, over chunks of a contrastive batch, over ranks. */
import { backward, keep, scope, type Tensor, tensor, zeros } from '../../engine/index.js'
import { cast } from '../../kernels/elementwise/index.js'
import { concat } from '../../kernels/join/index.js'
import { reshape } from '../../kernels/layout/index.js'
import { globalNorm } from '../../kernels/optimizer/index.js'
import type { Collective } from '../parallel/collective.js'
import type { TaskLoss, TrainingTask } from '../task.js'
import { contextOf, type StepPlace } from './contexts.js'
import { cachedGradients } from './contrast.js'
import type { TrainedParameters } from './trained-parameters.js'

export interface GradientRequest {
  readonly task: TrainingTask
  readonly trained: TrainedParameters
  /** This rank's part of the batch. */
  readonly samples: readonly unknown[]
  readonly microBatchSize: number
  /** Multiplies the gradients. */
  readonly lossScale: number
  /** Whether a contrastive loss is over the whole batch. */
  readonly gradientCaching: boolean
  readonly place: StepPlace
}

export interface StepGradients {
  /** Mean over the samples of all ranks. */
  readonly loss: number
  readonly metrics: Readonly<Record<string, number>>
  /** Norm of all gradients together, still multiplied by the loss scale. */
  readonly norm: number
}

/** A part's loss and metrics on the device, and how much of the batch it is. */
export interface PartLoss extends TaskLoss {
  readonly share: number
}

/** Leaves the gradients of a step in what the optimizer updates, and reads back its numbers, all at once. */
export async function computeGradients(request: GradientRequest): Promise<StepGradients> {
  const { task, trained, samples, microBatchSize, place, gradientCaching } = request
  const chunks = Array.from({ length: Math.ceil(samples.length / microBatchSize) }, (_, n) =>
    samples.slice(n * microBatchSize, (n + 1) * microBatchSize),
  )
  // Other ranks' samples are in the loss of a contrastive task, however small the batch is.
  const together = task.contrast !== undefined && (gradientCaching || place.collective.size > 1)
  const parts = together
    ? await cachedGradients(request, chunks)
    : chunks.map((chunk, n) => accumulate(request, chunk, n))
  trained.takeGradients()
  if (place.collective.size > 1) await averageGradients(trained, place.collective)
  const numbers = await readNumbers(parts, trained, place.collective)
  for (const { loss, metrics = {} } of parts) for (const value of [loss, ...Object.values(metrics)]) value.dispose()
  return numbers
}

/** One micro-batch, forward and back. */
function accumulate(
  { task, samples, lossScale, place }: GradientRequest,
  chunk: readonly unknown[],
  n: number,
): PartLoss {
  const share = chunk.length / samples.length
  const result = scope(() => {
    const context = contextOf(place, n)
    return backThrough(task.loss(task.collate(chunk, context), context), share * lossScale)
  })
  // The device can begin while the next one is recorded.
  task.device.flush()
  return { ...result, share }
}

/** Goes back from a loss and gives its numbers without the tape, as f32. */
export function backThrough({ loss, metrics = {} }: TaskLoss, gradient: number): TaskLoss {
  // A scaled gradient may be beyond f16, so that it begins in f32.
  const wide = cast(loss, 'f32')
  backward(wide, { gradient: tensor(loss.device, [gradient], wide.shape) })
  const plain = (value: Tensor) => cast(value.detach(), 'f32')
  return {
    loss: wide.detach(),
    metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, plain(value)])),
  }
}

/** The mean over ranks. A parameter that a rank's samples did not use has a gradient of zeros there. */
async function averageGradients(trained: TrainedParameters, collective: Collective): Promise<void> {
  for (const master of trained.masters) {
    master.grad ??= keep(zeros(master.device, master.shape))
    const gradient = master.grad
    const values = (await gradient.data()) as Float32Array
    await collective.allReduceSum(values)
    gradient.write(values.map((value) => value / collective.size))
  }
}

async function readNumbers(
  parts: readonly PartLoss[],
  trained: TrainedParameters,
  collective: Collective,
): Promise<StepGradients> {
  const gradients = trained.masters.flatMap(({ grad }) => (grad ? [grad] : []))
  const names = Object.keys(parts[0]!.metrics ?? {})
  const row = scope(() => {
    const norms = gradients.length > 0 ? [globalNorm(gradients, 0).norm] : []
    const scalars = parts.flatMap(({ loss, metrics = {} }) => [loss, ...names.map((name) => metrics[name]!)])
    return concat(
      [...scalars, ...norms].map((value) => reshape(value, [1])),
      0,
    )
  })
  const values = (await row.data()) as Float32Array
  row.dispose()
  const width = 1 + names.length
  const means = Float32Array.from({ length: width }, (_, n) =>
    parts.reduce((sum, { share }, part) => sum + share * values[part * width + n]!, 0),
  )
  await collective.allReduceSum(means)
  const [loss, ...metrics] = Array.from(means, (value) => value / collective.size)
  return {
    loss: loss!,
    metrics: Object.fromEntries(names.map((name, n) => [name, metrics[n]!])),
    norm: gradients.length > 0 ? values[parts.length * width]! : 0,
  }
}

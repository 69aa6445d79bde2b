/** The gradients of one step: over micro-batches, over chunks of a contrastive batch, over ranks. */
import { backward, type Device, scope, type Tensor, tensor } from '../../engine/index.js'
import { cast } from '../../kernels/elementwise/index.js'
import { concat } from '../../kernels/join/index.js'
import { reshape } from '../../kernels/layout/index.js'
import { globalNorm } from '../../kernels/optimizer/index.js'
import type { Collective } from '../parallel/collective.js'
import { GradientAverage } from '../parallel/gradient-average.js'
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

/** Hears which gradients are complete. */
export type LeafListener = (leaf: Tensor) => void

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
  const average = new GradientAverage(trained.leaves, place.collective)
  // Gradients of earlier micro-batches and chunks are not complete.
  const onLeaf = (n: number) => (n === chunks.length - 1 ? (leaf: Tensor) => average.ready(leaf) : undefined)
  const parts = together
    ? await cachedGradients(request, chunks, onLeaf)
    : await inTurn(task.device, chunks, (chunk, n) => accumulate(request, chunk, n, onLeaf(n)))
  await average.finish()
  trained.takeGradients()
  const numbers = await readNumbers(parts, trained, place.collective)
  for (const { loss, metrics = {} } of parts) for (const value of [loss, ...Object.values(metrics)]) value.dispose()
  return numbers
}

/**
 * Records one chunk after the other. The device begins with one while the next is recorded, but is never further behind:
 * commands that wait take memory of their own.
 */
export async function inTurn<Chunk, Result>(
  device: Device,
  chunks: readonly Chunk[],
  record: (chunk: Chunk, n: number) => Result,
): Promise<Result[]> {
  const results: Result[] = []
  let before: Promise<void> | undefined
  for (const [n, chunk] of chunks.entries()) {
    results.push(record(chunk, n))
    if (chunks.length === 1) break
    const own = device.sync()
    // Awaited behind the next chunk.
    own.catch(() => {})
    await before
    before = own
  }
  await before
  return results
}

/** One micro-batch, forward and back. */
function accumulate(
  { task, samples, lossScale, place, microBatchSize }: GradientRequest,
  chunk: readonly unknown[],
  n: number,
  onLeaf: LeafListener | undefined,
): PartLoss {
  const share = chunk.length / samples.length
  const result = scope(() => {
    const context = contextOf(place, n, n * microBatchSize)
    return backThrough(task.loss(task.collate(chunk, context), context), share * lossScale, onLeaf)
  })
  return { ...result, share }
}

/** Goes back from a loss and gives its numbers without the tape, as f32. */
export function backThrough(
  { loss, metrics = {} }: TaskLoss,
  gradient: number,
  onLeaf?: LeafListener | undefined,
): TaskLoss {
  // A scaled gradient may be beyond f16, so that it begins in f32.
  const wide = cast(loss, 'f32')
  backward(wide, { gradient: tensor(loss.device, [gradient], wide.shape), ...(onLeaf && { onLeaf }) })
  return offTape({ loss: wide, metrics })
}

/** The numbers without the tape, as f32. */
export function offTape({ loss, metrics = {} }: TaskLoss): TaskLoss {
  const plain = (value: Tensor) => cast(value.detach(), 'f32')
  const entries = Object.entries(metrics).map(([name, value]) => [name, plain(value)])
  return { loss: plain(loss), metrics: Object.fromEntries(entries) }
}

async function readNumbers(
  parts: readonly PartLoss[],
  trained: TrainedParameters,
  collective: Collective,
): Promise<StepGradients> {
  const gradients = trained.masters.flatMap(({ grad }) => (grad ? [grad] : []))
  // Parts may have different metrics.
  const scalars = parts.flatMap(({ loss, metrics = {}, share }) =>
    Object.entries({ ...metrics, [lossName]: loss }).map(([name, value]) => ({ name, value, share })),
  )
  const row = scope(() => {
    const norms = gradients.length > 0 ? [globalNorm(gradients, 0).norm] : []
    return concat(
      [...scalars.map(({ value }) => value), ...norms].map((value) => reshape(value, [1])),
      0,
    )
  })
  const values = (await row.data()) as Float32Array
  row.dispose()
  const names = [...new Set(scalars.map(({ name }) => name))]
  const means = Float32Array.from(names, (name) =>
    scalars.reduce((sum, own, n) => sum + (own.name === name ? own.share * values[n]! : 0), 0),
  )
  await collective.allReduceSum(means)
  const byName = Object.fromEntries(names.map((name, n) => [name, means[n]! / collective.size]))
  const { [lossName]: loss, ...metrics } = byName
  return { loss: loss!, metrics, norm: gradients.length > 0 ? values[scalars.length]! : 0 }
}

/** The loss among metrics: no name that a recipe would give. */
const lossName = ' loss'

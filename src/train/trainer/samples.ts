/** The training samples, batch after batch, from any place in the order on. */
import { Loader, type LoaderBatch } from '../../data/index.js'
import { ValueError } from '../../engine/index.js'
import type { TrainOptions } from '../config/schema.js'
import type { Collective } from '../parallel/collective.js'
import type { TrainingTask } from '../task.js'

export interface SampleBatch {
  readonly epoch: number
  readonly samples: readonly unknown[]
}

/**
 * Whole batches of a task's items in a new order every epoch. Which samples a step gets depends on the seed, the step and
 * the size of a batch, and on nothing that happened before.
 */
export class SampleStream {
  /** Batches of an epoch. */
  readonly batchesPerEpoch: number
  readonly #loader: Loader<unknown, unknown>
  #pass: AsyncGenerator<LoaderBatch<unknown>, void> | undefined
  #next: number

  /** Begins with the batch of `step`. Throws ValueError when the items do not fill one batch. */
  constructor(
    { training }: TrainingTask,
    { batchSize, seed, workers, prefetch }: Pick<TrainOptions, 'batchSize' | 'seed' | 'workers' | 'prefetch'>,
    { step, collective, signal }: { step: number; collective: Collective; signal?: AbortSignal | undefined },
  ) {
    const { items, task } = training
    this.#loader = new Loader({
      ...{ items, task, batchSize, seed, prefetch, shuffle: true, dropLast: true, keepWorkers: true },
      nameOf: (item, index) => training.nameOf?.(item, index) ?? `item ${index}`,
      shard: { rank: collective.rank, size: collective.size },
      ...(workers !== undefined && { workers }),
      ...(signal && { signal }),
    })
    this.batchesPerEpoch = this.#loader.batches
    this.#next = step
    if (this.batchesPerEpoch === 0) {
      throw new ValueError(
        `train.batchSize: ${batchSize} samples for each of ${collective.size} processes are more than the ${items.length} items`,
      )
    }
  }

  /** The next batch. Throws a LoaderError that names an item that cannot be loaded. */
  async next(): Promise<SampleBatch> {
    const epoch = Math.floor(this.#next / this.batchesPerEpoch)
    this.#pass ??= this.#loader.epoch(epoch, this.#next % this.batchesPerEpoch)
    const { value } = await this.#pass.next()
    this.#next++
    if (this.#next % this.batchesPerEpoch === 0) await this.#leave()
    return { epoch, samples: (value as LoaderBatch<unknown>).items.map((item) => item.value) }
  }

  /** Ends the workers. */
  async close(): Promise<void> {
    await this.#leave()
    await this.#loader.close()
  }

  async #leave(): Promise<void> {
    const pass = this.#pass
    this.#pass = undefined
    await pass?.return()
  }
}

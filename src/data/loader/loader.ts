import { availableParallelism } from 'node:os'
import { DataError } from '../errors.js'
import { RandomStream } from '../random.js'
import { InlineRunner, type Runner, WorkerRunner } from './runner.js'
import type { Outcome, TaskModule } from './task.js'

export interface LoaderOptions<Item> {
  /** What to load: structured-cloneable descriptions, such as paths. */
  readonly items: readonly Item[]
  /** What makes an item from its description. */
  readonly task: TaskModule
  readonly batchSize: number
  /** Names an item in errors. Default: its position. */
  readonly nameOf?: (item: Item, index: number) => string
  /** Worker threads. 0 loads in this thread. Default: one less than there are cores, at least 1 and at most 8. */
  readonly workers?: number
  /** Batches loaded ahead of the one in use. Default 2. At most (prefetch + 1) * batchSize items are in memory here. */
  readonly prefetch?: number
  /** Keys the order and the tasks' random draws. Default 0. */
  readonly seed?: number
  /** A new order every epoch. Default false: the order of the list. */
  readonly shuffle?: boolean
  /** Leave out a last batch that is not full. Default false. */
  readonly dropLast?: boolean
  /** `throw` (default) ends the iteration at the first item that fails; `skip` leaves it out and reports it in the batch. */
  readonly onError?: 'throw' | 'skip'
  /** Keep the workers after an iteration, for further epochs; then `close` the loader. Default false. */
  readonly keepWorkers?: boolean
  /** Loads this process's part of every batch of `size * batchSize` items. Default: all of them. */
  readonly shard?: { readonly rank: number; readonly size: number }
  readonly signal?: AbortSignal
}

export interface Loaded<Value> {
  readonly value: Value
  readonly name: string
  /** Position in the loader's list. */
  readonly index: number
}

export interface LoaderBatch<Value> {
  /** From 0. */
  readonly number: number
  readonly items: readonly Loaded<Value>[]
  /** Items of this batch that failed, with `onError: 'skip'`. */
  readonly failures: readonly LoaderError[]
}

/** An item could not be loaded. The message begins with its name; `cause` has the error of the task. */
export class LoaderError extends DataError {
  override readonly name = 'LoaderError'

  constructor(
    readonly item: string,
    readonly index: number,
    { name, message, stack }: Extract<Outcome, { ok: false }>['error'],
  ) {
    const cause = Object.assign(new Error(message), { name, ...(stack !== undefined && { stack }) })
    // A DataError of a reader already begins with the file's name, which often is the item's.
    super(message.startsWith(`${item}: `) ? message.slice(item.length + 2) : message, { path: item, cause })
  }
}

/**
 * Loads items in worker threads and gives them in batches:
 *
 *     for await (const batch of new Loader({ items, task: { module: new URL('./task.js', import.meta.url) }, batchSize: 4 }))
 *
 * The order depends on the seed and the epoch only: not on the number of workers nor on which item takes how long.
 * Leaving the loop early, an error and an aborted signal all end the workers (unless `keepWorkers`).
 */
export class Loader<Item, Value> implements AsyncIterable<LoaderBatch<Value>> {
  readonly #options: Required<Omit<LoaderOptions<Item>, 'signal'>> & { readonly signal: AbortSignal | undefined }
  #runner: Runner | undefined
  #running = false

  /** Throws a DataError for options that make no sense. */
  constructor(options: LoaderOptions<Item>) {
    const { items, task, batchSize, signal } = options
    const {
      nameOf = (_: Item, index: number) => `item ${index}`,
      workers = Math.min(8, Math.max(1, availableParallelism() - 1)),
      prefetch = 2,
      seed = 0,
      shuffle = false,
      dropLast = false,
      onError = 'throw',
      keepWorkers = false,
      shard = { rank: 0, size: 1 },
    } = options
    checkCount('batchSize', batchSize, 1)
    checkCount('workers', workers, 0)
    checkCount('prefetch', prefetch, 0)
    checkCount('seed', seed, 0)
    checkShard(shard, dropLast)
    this.#options = {
      ...{ items, task, batchSize, signal, nameOf, workers, prefetch, seed, shuffle, dropLast, onError, keepWorkers },
      shard,
    }
  }

  /** Batches of one pass. */
  get batches(): number {
    const { items, batchSize, dropLast, shard } = this.#options
    const batches = items.length / (batchSize * shard.size)
    return dropLast ? Math.floor(batches) : Math.ceil(batches)
  }

  [Symbol.asyncIterator](): AsyncGenerator<LoaderBatch<Value>, void> {
    return this.epoch(0)
  }

  /** The positions of the items in the order of an epoch, those of all shards. */
  order(epoch: number): number[] {
    const { items, seed, shuffle } = this.#options
    checkCount('epoch', epoch, 0)
    const order = items.map((_, index) => index)
    if (!shuffle) return order
    // Fisher and Yates; a stream of its own per epoch.
    const random = new RandomStream(seed, epoch)
    for (let n = order.length - 1; n > 0; n--) {
      const other = Math.floor(random.uniform(0, n + 1))
      ;[order[n], order[other]] = [order[other]!, order[n]!]
    }
    return order
  }

  /**
   * One pass, or the rest of one from a batch on: the items before it are not loaded. Throws a LoaderError for an item that
   * fails (with `onError: 'throw'`), the signal's reason when it aborts, and a DataError while another pass of the same
   * loader is under way.
   */
  async *epoch(epoch: number, firstBatch = 0): AsyncGenerator<LoaderBatch<Value>, void> {
    if (this.#running)
      throw new DataError('the loader is already being iterated', { remedy: 'Make one loader per loop' })
    const { items, batchSize, prefetch, seed, signal, keepWorkers } = this.#options
    signal?.throwIfAborted()
    checkCount('firstBatch', firstBatch, 0)
    const order = this.#ownOrder(epoch).slice(firstBatch * batchSize)
    const batches = this.batches - firstBatch
    this.#running = true
    const runner = this.#start()
    const abort = abortion(signal)
    try {
      const pending: Promise<Outcome>[] = []
      for (let n = 0; n < batches; n++) {
        const until = Math.min(order.length, (n + 1 + prefetch) * batchSize)
        while (pending.length < until) {
          const index = order[pending.length]!
          pending.push(runner.run({ item: items[index], index, epoch, seed }))
        }
        const first = n * batchSize
        const own = pending.slice(first, first + batchSize)
        const outcomes = await Promise.race([Promise.all(own), abort.promise])
        // What has been handed over must not be kept alive by this list.
        pending.fill(handedOver, first, first + own.length)
        yield this.#batch(firstBatch + n, order.slice(first, first + batchSize), outcomes)
      }
    } finally {
      abort.stop()
      runner.clear()
      if (!keepWorkers) await this.close()
      this.#running = false
    }
  }

  /** The positions of this shard's items in whole batches, and in the last one where that is not dropped. */
  #ownOrder(epoch: number): number[] {
    const { batchSize, shard } = this.#options
    const all = batchSize * shard.size
    const begin = shard.rank * batchSize
    return this.order(epoch)
      .slice(0, this.batches * all)
      .filter((_, n) => n % all >= begin && n % all < begin + batchSize)
  }

  /** Ends the workers. The loader can be used again; it then starts new ones. */
  async close(): Promise<void> {
    const runner = this.#runner
    this.#runner = undefined
    await runner?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #start(): Runner {
    const { task, workers } = this.#options
    const module = String(task.module)
    this.#runner ??= workers === 0 ? new InlineRunner(module, task.data) : new WorkerRunner(module, task.data, workers)
    return this.#runner
  }

  #batch(number: number, order: readonly number[], outcomes: readonly Outcome[]): LoaderBatch<Value> {
    const { items, nameOf, onError } = this.#options
    const loaded: Loaded<Value>[] = []
    const failures: LoaderError[] = []
    for (const [n, outcome] of outcomes.entries()) {
      const index = order[n]!
      const name = nameOf(items[index]!, index)
      if (outcome.ok) loaded.push({ value: outcome.value as Value, name, index })
      else failures.push(new LoaderError(name, index, outcome.error))
    }
    if (onError === 'throw' && failures[0]) throw failures[0]
    return { number, items: loaded, failures }
  }
}

const handedOver: Promise<Outcome> = Promise.resolve({ ok: true, value: undefined })

/** A promise that rejects when the signal aborts. */
function abortion(signal: AbortSignal | undefined): { promise: Promise<never>; stop: () => void } {
  let stop = (): void => {}
  const promise = new Promise<never>((_, reject) => {
    const abort = (): void => reject(signal!.reason)
    signal?.addEventListener('abort', abort)
    stop = () => signal?.removeEventListener('abort', abort)
  })
  // It may reject while nobody waits for a batch.
  promise.catch(() => undefined)
  return { promise, stop }
}

function checkCount(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return
  throw new DataError(`${name} ${value} is not a whole number from ${least} on`)
}

function checkShard({ rank, size }: { readonly rank: number; readonly size: number }, dropLast: boolean): void {
  checkCount('shard.size', size, 1)
  checkCount('shard.rank', rank, 0)
  if (rank >= size) throw new DataError(`shard ${rank} of ${size} does not exist`)
  if (size > 1 && !dropLast) {
    throw new DataError('shards need dropLast', {
      remedy: 'A last batch that is not full would leave shards without items',
    })
  }
}

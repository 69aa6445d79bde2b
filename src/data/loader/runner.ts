import { Worker } from 'node:worker_threads'
import { describeError, importTask, type Job, type LoadTask, type Outcome, runTask } from './task.js'
import { prepareTransfer } from './transfer.js'

/** Runs jobs in the order in which they are given, some at a time. Promises never reject. */
export interface Runner {
  run(job: Job): Promise<Outcome>
  /** Forgets jobs that have not begun. */
  clear(): void
  close(): Promise<void>
}

interface Waiting {
  readonly job: Job
  readonly settle: (outcome: Outcome) => void
}

const cancelled: Outcome = { ok: false, error: { name: 'AbortError', message: 'the loader stopped' } }

/** Room for one worker thread, and the job it is busy with. */
interface Slot {
  worker: Worker | undefined
  busy: Waiting | undefined
}

/**
 * Jobs in worker threads, which start when there is work for them. A worker that dies fails the job it had; the next job
 * gets a new one.
 */
export class WorkerRunner implements Runner {
  readonly #slots: Slot[]
  readonly #queue: Waiting[] = []
  #closed = false

  constructor(
    readonly module: string,
    readonly data: unknown,
    workers: number,
  ) {
    this.#slots = Array.from({ length: workers }, () => ({ worker: undefined, busy: undefined }))
  }

  run(job: Job): Promise<Outcome> {
    if (this.#closed) return Promise.resolve(cancelled)
    return new Promise((settle) => {
      this.#queue.push({ job, settle })
      this.#dispatch()
    })
  }

  clear(): void {
    for (const { settle } of this.#queue.splice(0)) settle(cancelled)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.clear()
    const workers = this.#slots.flatMap(({ worker }) => (worker ? [worker] : []))
    for (const slot of this.#slots) {
      slot.worker = undefined
      this.#finish(slot, cancelled)
    }
    await Promise.all(workers.map((worker) => worker.terminate()))
  }

  #start(slot: Slot): Worker {
    const worker = new Worker(entry, {
      workerData: { module: this.module, data: this.data },
      execArgv: workerArguments,
    })
    worker.on('message', (outcome: Outcome) => {
      if (slot.worker !== worker) return
      // An idle worker must not keep the process alive.
      worker.unref()
      this.#finish(slot, outcome)
      this.#dispatch()
    })
    const fail = (message: string): void => {
      if (slot.worker !== worker) return
      slot.worker = undefined
      this.#finish(slot, { ok: false, error: { name: 'WorkerError', message } })
      void worker.terminate()
      this.#dispatch()
    }
    worker.on('error', (error) => fail(`the worker failed: ${error.message}`))
    worker.on('messageerror', (error) => fail(`the result cannot be read: ${error.message}`))
    worker.on('exit', (code) => fail(`the worker ended with code ${code}`))
    return worker
  }

  #finish(slot: Slot, outcome: Outcome): void {
    const { busy } = slot
    slot.busy = undefined
    busy?.settle(outcome)
  }

  #dispatch(): void {
    for (const slot of this.#slots) {
      if (slot.busy) continue
      const next = this.#queue.shift()
      if (next === undefined) return
      slot.busy = next
      slot.worker ??= this.#start(slot)
      slot.worker.ref()
      try {
        slot.worker.postMessage(next.job)
      } catch (error) {
        slot.worker.unref()
        const message = `the item cannot be sent to a worker: ${error instanceof Error ? error.message : error}`
        this.#finish(slot, { ok: false, error: { name: 'DataCloneError', message } })
      }
    }
  }
}

/** Jobs in this thread, one after the other: for debugging, and where threads cost more than they bring. */
export class InlineRunner implements Runner {
  readonly #task: Promise<LoadTask<unknown, unknown>>
  #last: Promise<unknown> = Promise.resolve()
  #generation = 0

  constructor(
    module: string,
    readonly data: unknown,
  ) {
    this.#task = importTask(module).catch((error: unknown) => () => {
      throw error
    })
  }

  run(job: Job): Promise<Outcome> {
    const generation = this.#generation
    const outcome = this.#last.then(async () =>
      generation === this.#generation ? asIfSent(await runTask(await this.#task, job, this.data)) : cancelled,
    )
    this.#last = outcome
    return outcome
  }

  clear(): void {
    this.#generation++
  }

  async close(): Promise<void> {
    this.clear()
    await this.#last
  }
}

/** What another thread would have got: nothing is shared with the task, and what cannot be sent fails alike. */
function asIfSent(outcome: Outcome): Outcome {
  if (!outcome.ok) return outcome
  const { value, buffers } = prepareTransfer(outcome.value)
  try {
    return { ok: true, value: structuredClone(value, { transfer: buffers }) }
  } catch (error) {
    return { ok: false, error: describeError(error) }
  }
}

/** In a checkout the worker is TypeScript, which takes a step before it. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './worker-from-source.mjs' : './worker.js', import.meta.url)

/** Workers inherit the arguments of their process, but none may say how to read a script that is not given to them. */
const workerArguments = process.execArgv.filter((argument) => !argument.startsWith('--input-type'))

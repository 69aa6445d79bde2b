/** The side of a loader that runs in a worker thread: takes one job at a time and answers it. */
import { parentPort, workerData } from 'node:worker_threads'
import { describeError, importTask, type Job, type Outcome, runTask } from './task.js'
import { prepareTransfer } from './transfer.js'

const { module, data } = workerData as { module: string; data: unknown }
const port = parentPort!

// A module that cannot be imported fails every job with the reason, instead of ending the worker without a word.
const task = importTask(module).catch((error: unknown) => () => {
  throw error
})

port.on('message', async (job: Job) => {
  const outcome = await runTask(await task, job, data)
  send(outcome)
})

function send(outcome: Outcome): void {
  if (!outcome.ok) {
    port.postMessage(outcome)
    return
  }
  const { value, buffers } = prepareTransfer(outcome.value)
  try {
    port.postMessage({ ok: true, value }, buffers)
  } catch (error) {
    port.postMessage({ ok: false, error: describeError(error) })
  }
}

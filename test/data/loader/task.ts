/** What the loader's tests run in workers. */
import { threadId } from 'node:worker_threads'
import type { TaskContext } from '../../../src/data/loader/index.js'
import { RandomStream } from '../../../src/data/random.js'

export interface TestItem {
  readonly value: number
  readonly delayMs?: number
  readonly fault?: 'throw' | 'exit' | 'unclonable' | 'text'
}

const shared = new Float32Array(64)

export async function load(
  { value, delayMs, fault }: TestItem,
  context: TaskContext<{ factor: number; begun?: Int32Array }>,
) {
  if (context.data.begun) Atomics.add(context.data.begun, 0, 1)
  if (delayMs) await new Promise((resolve) => setTimeout(resolve, delayMs))
  if (fault === 'throw') throw new RangeError(`no ${value}`)
  if (fault === 'text') throw `text ${value}`
  if (fault === 'exit') process.exit(7)
  if (fault === 'unclonable') return { run: () => value }
  shared.fill(value)
  return {
    scaled: value * context.data.factor,
    draw: new RandomStream(context.seed, context.epoch * 1000 + context.index).uniform(),
    // Part of a buffer that later tasks write to.
    part: shared.subarray(8, 12),
    whole: Float32Array.of(value, value),
    threadId,
  }
}

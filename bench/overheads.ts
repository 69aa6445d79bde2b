/**
 * What the engine costs beside the kernels: recording, submitting, memory. `npm run bench:overheads`
 *
 * Prints each figure beside the limit it is held to, and exits 1 when one is beyond it.
 */
import { Bench } from 'tinybench'
import { openDevice, scope, tensor } from '../src/engine/index.js'
import { add, mul } from '../src/kernels/elementwise/index.js'
import { sum } from '../src/kernels/reduce/index.js'

interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly limit: number
}

const device = await openDevice({ profile: 'safe' })
const x = tensor(device, [1, 2, 3, 4])
const figures: Figure[] = []

/** Recording only: the queue is emptied between batches, outside the measurement. */
async function recordingCost(): Promise<number> {
  const opsPerBatch = 500
  const bench = new Bench({ warmupIterations: 20, iterations: 200, time: 0, warmupTime: 0 })
  const record = () =>
    scope(() => {
      for (let i = 0; i < opsPerBatch; i++) add(x, x)
    })
  bench.add('record', record, { afterEach: () => device.sync() })
  await bench.run()
  const { result } = bench.tasks[0]!
  if (result?.state !== 'completed') throw new Error('the benchmark did not complete')
  return (1000 * result.latency.p50) / opsPerBatch
}

function submissionsOfChain(): number {
  device.flush()
  const before = device.recorder.submissionCount
  scope(() => {
    let y = x
    for (let i = 0; i < 1000; i++) y = add(y, x)
  })
  device.flush()
  return device.recorder.submissionCount - before
}

/** A training-like step on small tensors; memory is sampled when the collector has run in both. */
async function steadyLoop(steps: number): Promise<{ buffers: number; liveBytes: number; processGrowth: number }> {
  const step = () => scope(() => void sum(mul(add(x, x), x)))
  const run = async (count: number) => {
    for (let i = 0; i < count; i++) {
      step()
      if (i % 200 === 199) await device.sync()
    }
    await device.sync()
    globalThis.gc?.()
  }
  await run(steps / 5)
  const before = device.memory()
  const processBefore = process.memoryUsage.rss()
  await run(steps)
  const after = device.memory()
  return {
    buffers: after.buffersCreated - before.buffersCreated,
    liveBytes: after.liveBytes - before.liveBytes,
    processGrowth: process.memoryUsage.rss() / processBefore - 1,
  }
}

const limitOfGrowth = 0.05
figures.push({ name: 'recording one elementwise operation', value: await recordingCost(), unit: 'µs', limit: 25 })
figures.push({ name: 'submissions of 1,000 chained operations', value: submissionsOfChain(), unit: '', limit: 1 })
const loop = await steadyLoop(10_000)
figures.push({ name: 'buffers created in 10,000 steps', value: loop.buffers, unit: '', limit: 0 })
figures.push({ name: 'growth of live bytes in 10,000 steps', value: loop.liveBytes, unit: 'B', limit: 0 })
figures.push({
  name: 'growth of the process in 10,000 steps',
  value: 100 * loop.processGrowth,
  unit: '%',
  limit: 100 * limitOfGrowth,
})

console.log(`${device.capabilities.adapter.description}, node ${process.version}`)
for (const { name, value, unit, limit } of figures) {
  const verdict = value <= limit ? 'ok' : 'BEYOND'
  console.log(`${name.padEnd(42)}${value.toFixed(2).padStart(10)} ${unit.padEnd(3)} (at most ${limit}) ${verdict}`)
}
device.destroy()
if (figures.some(({ value, limit }) => value > limit)) process.exitCode = 1

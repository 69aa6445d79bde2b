/** What the host pays for using the engine: rows of their own, since no kernel's time shows it. */
import { Bench } from 'tinybench'
import { type Device, empty, scope, type Tensor, tensor } from '../src/engine/index.js'
import { add, mul } from '../src/kernels/elementwise/index.js'
import { emptyRow, failedRow } from './rows.js'
import type { Row } from './schema.js'
import type { Session } from './session.js'
import { summarize } from './statistics.js'

interface HostCase {
  readonly name: string
  readonly work: (device: Device, x: Tensor) => void
}

/** Operations per iteration: one alone is shorter than the clock's step. The queue is emptied in between. */
const batch = 200

const hostCases: readonly HostCase[] = [
  { name: 'record an operation', work: (_, x) => void add(x, x) },
  { name: 'record an operation with gradient', work: (_, x) => void mul(x.setRequiresGrad(), x) },
  { name: 'open and close a scope', work: () => scope(() => undefined) },
  { name: 'create and free a tensor', work: (device) => empty(device, [4]).dispose() },
  { name: 'create a tensor of 4 values', work: (device) => tensor(device, [1, 2, 3, 4]).dispose() },
]

export const hostNames: readonly string[] = hostCases.map(({ name }) => `host/${name}`)

/** The row of one of {@link hostNames}, by tinybench. */
export async function hostRow({ device, settings }: Session, fullName: string): Promise<Row> {
  const { name, work } = hostCases.find((candidate) => `host/${candidate.name}` === fullName)!
  const blank = emptyRow({ name: fullName, op: 'host', case: name, direction: 'host', dtype: 'f32', shape: [[4]] })
  const x = tensor(device, [1, 2, 3, 4])
  try {
    return timed(blank, await sample(device, settings.minSeconds, settings.minSamples, () => work(device, x)))
  } catch (error) {
    return failedRow(blank, error)
  } finally {
    x.dispose()
  }
}

/** Milliseconds per execution, one per batch. */
async function sample(device: Device, seconds: number, iterations: number, work: () => void): Promise<number[]> {
  const bench = new Bench({
    time: 1000 * seconds,
    iterations,
    warmupTime: 100,
    warmupIterations: 10,
    retainSamples: true,
  })
  const run = () =>
    scope(() => {
      for (let i = 0; i < batch; i++) work()
    })
  bench.add('batch', run, { afterEach: () => device.sync() })
  await bench.run()
  const { result } = bench.tasks[0]!
  if (result?.state !== 'completed') throw new Error(`tinybench: ${result?.state ?? 'no result'}`)
  return (result.latency.samples ?? []).map((ms) => ms / batch)
}

function timed(blank: Row, samples: readonly number[]): Row {
  const summary = summarize(samples)
  return {
    ...blank,
    clock: 'wall',
    samples: summary.samples,
    repeats: batch,
    medianMs: summary.median,
    p20Ms: summary.p20,
    p80Ms: summary.p80,
    madMs: summary.mad,
    cv: summary.cv,
    note: 'host time only; the queue is emptied between samples',
  }
}

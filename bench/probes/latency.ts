/** What surrounds kernels: launching them, waiting for them, and moving data between host and device. */
import { type Device, scope, zeros } from '../../src/engine/index.js'
import type { Kernel } from '../../src/engine/kernel.js'
import { median } from '../statistics.js'
import emptyWgsl from './empty.wgsl'
import { dispatch, type ProbeContext, type ProbePlan, probeKernel } from './support.js'
import touchWgsl from './touch.wgsl'

const dispatchCount = 1000
const emptyKernel: Kernel<undefined> = probeKernel('empty', { wgsl: emptyWgsl, workgroups: () => 1 })
const touchKernel: Kernel<undefined> = probeKernel('touch', { wgsl: touchWgsl, workgroups: () => 1 })

const trials = (quick: boolean): number => (quick ? 7 : 30)

/** Median milliseconds of `work`, by the wall clock. */
async function wallMs(quick: boolean, work: () => Promise<unknown>): Promise<number> {
  await work()
  const times: number[] = []
  for (let trial = 0; trial < trials(quick); trial++) {
    const start = performance.now()
    await work()
    times.push(performance.now() - start)
  }
  return median(times)
}

/** Microseconds per dispatch on the device, of a thousand in one pass. */
async function deviceDispatch({ device, clock, quick }: ProbeContext, dependent: boolean) {
  const result = zeros(device, [4], { dtype: 'u32' })
  const task = { run: () => recordDispatches(device, dependent ? touchKernel : emptyKernel, dependent ? [result] : []) }
  await clock.time([task])
  const times = await clock.time(Array.from({ length: trials(quick) }, () => task))
  result.dispose()
  return { value: (1000 * median(times)) / dispatchCount, note: clock.kind === 'wall' ? 'by the wall clock' : '' }
}

function recordDispatches(device: Device, kernel: Kernel<undefined>, outputs: ReturnType<typeof zeros>[]): void {
  scope(() => {
    for (let i = 0; i < dispatchCount; i++) dispatch(device, { kernel, problem: undefined, inputs: [], outputs })
  })
}

/** The sequential method: from recording the first dispatch to the end of the last, over their number. */
async function wholeDispatch({ device, quick }: ProbeContext) {
  const result = zeros(device, [4], { dtype: 'u32' })
  const ms = await wallMs(quick, async () => {
    recordDispatches(device, touchKernel, [result])
    await device.sync()
  })
  result.dispose()
  return { value: (1000 * ms) / dispatchCount }
}

async function readLatency({ device, quick }: ProbeContext) {
  const value = zeros(device, [4])
  await device.sync()
  const ms = await wallMs(quick, () => value.data())
  value.dispose()
  return { value: 1000 * ms }
}

const transferBytes = 64 * 2 ** 20

async function transferRate({ device, quick }: ProbeContext, direction: 'up' | 'down') {
  const values = new Float32Array(transferBytes / 4).fill(1)
  const target = zeros(device, [values.length])
  const ms = await wallMs(quick, async () => {
    if (direction === 'down') return target.data()
    target.write(values)
    return device.sync()
  })
  target.dispose()
  return { value: transferBytes / 1e6 / ms }
}

export const latencyProbes: readonly ProbePlan[] = [
  {
    describe: {
      name: 'dispatch, independent',
      kind: 'dispatch',
      unit: 'µs',
      ceilingOf: 'launch rate on the device: empty kernels of one pass that wait for nothing',
    },
    measure: (context) => deviceDispatch(context, false),
  },
  {
    describe: {
      name: 'dispatch, dependent',
      kind: 'dispatch',
      unit: 'µs',
      ceilingOf: 'the shortest time of a kernel whose input the previous kernel wrote',
    },
    measure: (context) => deviceDispatch(context, true),
  },
  {
    describe: {
      name: 'dispatch, host and device',
      kind: 'dispatch',
      unit: 'µs',
      ceilingOf: 'launch rate as an application sees it: a thousand dispatches recorded, submitted and awaited',
    },
    measure: wholeDispatch,
  },
  {
    describe: {
      name: 'read-back latency',
      kind: 'dispatch',
      unit: 'µs',
      ceilingOf: 'the shortest wait for a result: four numbers copied, mapped and decoded',
    },
    measure: readLatency,
  },
  {
    describe: {
      name: 'upload, 64 MiB',
      kind: 'transfer',
      unit: 'GB/s',
      ceilingOf: 'bringing data to the device: tensor.write() until it has arrived',
    },
    measure: (context) => transferRate(context, 'up'),
  },
  {
    describe: {
      name: 'read-back, 64 MiB',
      kind: 'transfer',
      unit: 'GB/s',
      ceilingOf: 'bringing results home: tensor.data(), the copy out of mapped memory included',
    },
    measure: (context) => transferRate(context, 'down'),
  },
]

/** Kernels whose variants behave and are as fast as a test wants. */
import { traced } from '../../bench/trace.js'
import { dispatch } from '../../src/engine/dispatch.js'
import { type Clock, type Device, empty, type Kernel, type Workload } from '../../src/engine/index.js'

/** `y = 2 x` over `count` elements. */
export interface DoublingProblem {
  readonly count: number
}

export interface FakeVariant {
  readonly name: string
  /** WGSL over `x[i]`; default the right one. */
  readonly expression?: string
  readonly supports?: boolean
}

/** A kernel that no registry knows, so that tests of all kernels do not see it. */
export function doublingKernel(name: string, variants: readonly FakeVariant[]): Kernel<DoublingProblem> {
  return {
    name,
    bucket: ({ count }) => `${count} elements`,
    variants: variants.map(({ name: variant, expression = '2.0 * x[i]', supports = true }) => ({
      name: variant,
      wgsl: `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3u) {
  let i = at.x;
  if (i < arrayLength(&y)) { y[i] = ${expression}; }
}`,
      supports: () => supports,
      workgroups: ({ count }) => Math.ceil(count / 64),
    })),
  }
}

/** Launches a kernel once on each count of elements. */
export function doublingWorkload(kernel: Kernel<DoublingProblem>, ...counts: number[]): Workload {
  return {
    name: `twice ${counts.join(' and ')}`,
    run(device, input) {
      for (const count of counts) {
        const x = input({ shape: [count] })
        dispatch(device, { kernel, problem: { count }, inputs: [x], outputs: [empty(device, [count])] })
      }
    },
  }
}

/** Does the work, and says that every launch of a kernel took what the table says. */
export function fakeClock(device: Device, millisecondsOf: Readonly<Record<string, number>>): Clock & { log: string[] } {
  const log: string[] = []
  return {
    kind: 'timestamp',
    log,
    async time(tasks) {
      const times = tasks.map(({ run }) => {
        const { launches } = traced(device, run)
        log.push(launches[0]!)
        return launches.reduce((sum, label) => sum + millisecondsOf[label]!, 0)
      })
      await device.sync()
      return times
    },
  }
}

/**
 * How fast the machine is while a case is measured. A software adapter shares its cores and its memory with whatever else
 * runs, virtual machines next door included; work that never changes, in alternation with the samples, tells a slower
 * minute from a slower kernel.
 */
import { type Device, empty, scope, tensor } from '../src/engine/index.js'
import type { Bound } from './ceilings.js'
import type { Contestant } from './measure.js'
import { fmaKernel, fmaWorkgroupSize } from './probes/arithmetic.js'
import { memoryKernel, memoryWorkgroupSize } from './probes/memory.js'
import { dispatch } from './probes/support.js'

/** For each bound, work that is limited by it. */
export type SteadyWork = Readonly<Record<Bound['bound'], Contestant>>

const workgroups = 64
/** A millisecond of multiply-adds on two cores. */
const fmaRounds = 48
/** Per side of a copy: more than a core's share of any cache. */
const copiedBytes = 16 * 2 ** 20

export function steadyWork(device: Device): SteadyWork {
  const constants = tensor(device, [0.5, 0.25, 0, 0])
  const sums = empty(device, [4 * fmaWorkgroupSize])
  const fma = fmaKernel('f32', 4, 'x * scale + shift')
  const source = empty(device, [copiedBytes / 4])
  const target = empty(device, [copiedBytes / 4])
  const vectors = copiedBytes / 16
  const copy = memoryKernel('copy', 'a stretch per invocation')
  const steps = vectors / (workgroups * memoryWorkgroupSize)
  const contestant = (record: () => void): Contestant => ({ run: () => scope(record), dispatches: 1 })
  return {
    compute: contestant(() =>
      dispatch(device, {
        kernel: fma,
        problem: { workgroups, rounds: fmaRounds },
        inputs: [constants],
        outputs: [sums],
      }),
    ),
    memory: contestant(() =>
      dispatch(device, {
        kernel: copy,
        problem: { vectors, workgroups, steps },
        inputs: [source],
        outputs: [target],
      }),
    ),
  }
}

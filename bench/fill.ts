/** Writes whole tensors: what overwrites the caches, and work of a known kind for trying out a clock. */

import { dispatch } from '../src/engine/dispatch.js'
import { type Device, scope, type Tensor } from '../src/engine/index.js'
import type { Kernel } from '../src/engine/kernel.js'
import { layoutConstants } from './probes/layouts.js'
import writeWgsl from './probes/memory-write.wgsl'

interface FillProblem {
  readonly vectors: number
  readonly workgroups: number
  readonly steps: number
}

/** An unregistered kernel, like all of the suite's own: those registered are the library's. */
const fillKernel: Kernel<FillProblem> = {
  name: 'bench fill',
  variants: [
    {
      name: 'portable',
      wgsl: writeWgsl,
      specialize: (_, { software }) => ({
        constants: layoutConstants(software ? 'a stretch per invocation' : 'side by side'),
      }),
      parameters: (writer, { vectors, steps }) => writer.u32(vectors).u32(steps),
      workgroups: ({ workgroups }) => workgroups,
    },
  ],
}

const workgroupSize = 64
const mostWorkgroups = 4096

/** Records a kernel that writes `target` so many times. Its size is a power of two of at least 256 elements. */
export function fill(device: Device, target: Tensor, times = 1): void {
  const vectors = target.size / 4
  const workgroups = Math.min(mostWorkgroups, vectors / workgroupSize)
  const steps = (times * vectors) / (workgroups * workgroupSize)
  scope(() =>
    dispatch(device, { kernel: fillKernel, problem: { vectors, workgroups, steps }, inputs: [], outputs: [target] }),
  )
}

import type { Tensor } from '../../engine/tensor.js'
import averageWgsl from './average.wgsl'
import { defineBatchKernel, runBatch } from './batch.js'

const averageKernel = defineBatchKernel({
  name: 'average',
  read: ['value'],
  written: ['average'],
  numbers: ['decay', 'blend'],
  wgsl: averageWgsl,
  flops: 3,
})

/** `average = decay * average + (1 - decay) * value` for each pair, in place; all f32. */
export function averageSteps(averages: readonly Tensor[], values: readonly Tensor[], decay: number): void {
  const numbers = { decay, blend: 1 - decay }
  runBatch(
    averageKernel,
    averages.map((average, n) => ({ read: [values[n]!], written: [average], numbers })),
  )
}

import { defineKernel } from '../../engine/kernel.js'
import type { Tensor } from '../../engine/tensor.js'
import averageWgsl from './average.wgsl'
import { updateInPlace, vectorGroups, vectorsOf } from './update.js'

const averageKernel = defineKernel<{ readonly count: number; readonly decay: number }>({
  name: 'average',
  variants: [
    {
      name: 'portable',
      wgsl: averageWgsl,
      parameters: (writer, { count, decay }) =>
        void writer
          .u32(vectorsOf(count))
          .f32(decay)
          .f32(1 - decay),
      workgroups: vectorGroups,
    },
  ],
})

/** `average = decay * average + (1 - decay) * value`, in place; both f32. */
export function averageStep(average: Tensor, value: Tensor, decay: number): void {
  updateInPlace({
    name: 'average',
    kernel: averageKernel,
    problem: { decay },
    read: [value],
    written: [average],
    flops: 3,
  })
}

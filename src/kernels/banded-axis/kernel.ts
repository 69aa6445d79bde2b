/** The kernel of banded matrices along an axis. */
import type { DType } from '../../engine/dtype.js'
import { defineKernel } from '../../engine/kernel.js'
import { vectorTypes, vectorWidth } from '../variance/vector.js'
import bandedAxisWgsl from './banded-axis.wgsl'

export interface BandedProblem {
  readonly samples: number
  readonly outer: number
  readonly extent: number
  readonly outputs: number
  readonly inner: number
  readonly taps: number
  readonly matrices: number
  readonly source: DType
  readonly target: DType
}

const vectors = ({ samples, outer, outputs, inner }: BandedProblem) =>
  samples * outer * outputs * (inner / vectorWidth(inner))

/** Inputs: the tensor, the first element of each band, the weights. Output: the weighted sums. */
export const bandedAxisKernel = defineKernel<BandedProblem>({
  name: 'bandedAxis',
  variants: [
    {
      name: 'portable',
      wgsl: bandedAxisWgsl,
      key: ({ inner, source, target }) => `|${vectorWidth(inner)}|${source}|${target}`,
      specialize: ({ inner, source, target }) => ({
        types: vectorTypes(vectorWidth(inner), { Source: source, Target: target }),
      }),
      parameters(writer, problem) {
        const { inner, extent, outputs, outer, taps, matrices } = problem
        writer
          .u32(vectors(problem))
          .u32(inner / vectorWidth(inner))
          .u32(extent)
          .u32(outputs)
          .u32(outer)
          .u32(taps)
          .u32(matrices)
      },
      workgroups: (problem) => Math.ceil(vectors(problem) / 256),
    },
  ],
})

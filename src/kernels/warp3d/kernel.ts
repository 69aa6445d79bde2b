/** The kernel that samples volumes at mapped places. */
import type { DType } from '../../engine/dtype.js'
import { defineKernel } from '../../engine/kernel.js'
import { vectorTypes, vectorWidth } from '../variance/vector.js'
import warp3dWgsl from './warp3d.wgsl'

export type WarpInterpolation = 'linear' | 'nearest' | 'cubic'

export interface WarpProblem {
  readonly samples: number
  readonly channels: number
  /** Depth, height, width of the input and of the output. */
  readonly size: readonly number[]
  readonly targetSize: readonly number[]
  readonly dtype: DType
  readonly interpolation: WarpInterpolation
  /** Undefined repeats the edge. */
  readonly outside: number | undefined
  /** Control points along each axis; undefined for none. */
  readonly bend: readonly number[] | undefined
  readonly bendType: DType
}

const vectors = ({ samples, channels, targetSize }: WarpProblem) =>
  samples * targetSize.reduce((product, extent) => product * extent, 1) * (channels / vectorWidth(channels))

/** Inputs: volumes, maps, control points (or anything). Output: the samples. */
export const warp3dKernel = defineKernel<WarpProblem>({
  name: 'warp3d',
  variants: [
    {
      name: 'portable',
      wgsl: warp3dWgsl,
      key: ({ channels, dtype, interpolation, outside, bend, bendType }) =>
        [vectorWidth(channels), dtype, interpolation, outside !== undefined, bend !== undefined, bendType].join('|'),
      specialize: ({ channels, dtype, interpolation, outside, bend, bendType }) => ({
        types: { ...vectorTypes(vectorWidth(channels), { Source: dtype, Target: dtype }), Control: bendType },
        constants: {
          NEAREST: interpolation === 'nearest',
          CUBIC: interpolation === 'cubic',
          OUTSIDE: outside !== undefined,
          BEND: bend !== undefined,
        },
      }),
      parameters(writer, problem) {
        const { size, channels, targetSize, bend, outside } = problem
        writer
          .vectors([...size, channels / vectorWidth(channels)], 4)
          .vectors([...targetSize, vectors(problem)], 4)
          .vectors(bend ?? [], 4)
          .f32(outside ?? 0)
      },
      workgroups: (problem) => Math.ceil(vectors(problem) / 256),
    },
  ],
})

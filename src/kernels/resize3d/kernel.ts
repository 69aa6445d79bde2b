/** The resize kernels. */
import type { DType } from '../../engine/dtype.js'
import { defineKernel, type KernelVariant } from '../../engine/kernel.js'
import { sizeOf } from '../../engine/shape.js'
import { vectorTypes, vectorWidth } from '../variance/vector.js'
import type { ResizeAxes } from './axes.js'
import axesWgsl from './axes.wgsl'
import resizeWgsl from './resize.wgsl'
import resizeGradientWgsl from './resize-gradient.wgsl'

export interface ResizeProblem {
  readonly samples: number
  readonly channels: number
  readonly axes: ResizeAxes
  readonly nearest: boolean
  readonly source: DType
  readonly target: DType
}

const variant = (wgsl: string, side: 'extent' | 'outputs') => {
  const count = ({ samples, channels, axes }: ResizeProblem) =>
    samples * sizeOf(axes.map((axis) => axis[side])) * (channels / vectorWidth(channels))
  return {
    name: 'portable',
    wgsl,
    key: ({ channels, source, target, nearest }) => `|${vectorWidth(channels)}|${source}|${target}|${nearest}`,
    specialize: ({ channels, source, target, nearest }) => ({
      types: vectorTypes(vectorWidth(channels), { Source: source, Target: target }),
      constants: { NEAREST: nearest },
      code: axesWgsl,
    }),
    parameters(writer, problem) {
      const { channels, axes } = problem
      writer.u32(count(problem)).u32(channels / vectorWidth(channels))
      for (const { extent, outputs, factor, offset, divisor } of axes) {
        writer.signedVectors([extent, outputs, factor, offset, divisor], 8)
      }
    },
    workgroups: (problem) => Math.ceil(count(problem) / 256),
  } satisfies KernelVariant<ResizeProblem>
}

/** Input: the volume. Output: the resized volume. */
export const resizeKernel = defineKernel<ResizeProblem>({
  name: 'resize3d',
  variants: [variant(resizeWgsl, 'outputs')],
})

/** Input: the gradient of the resized volume. Output: the gradient of the volume. */
export const resizeGradientKernel = defineKernel<ResizeProblem>({
  name: 'resize3dGradient',
  variants: [variant(resizeGradientWgsl, 'extent')],
})

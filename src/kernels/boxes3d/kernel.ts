/** The kernels that fill boxes of volumes. */
import type { DType } from '../../engine/dtype.js'
import { defineKernel } from '../../engine/kernel.js'
import distributionsWgsl from '../random/distributions.wgsl'
import philoxWgsl from '../random/philox.wgsl'
import boxesWgsl from './boxes.wgsl'
import extremesWgsl from './extremes.wgsl'
import paintWgsl from './paint.wgsl'

const code = [philoxWgsl, distributionsWgsl, boxesWgsl].join('\n')

export interface ExtremesProblem {
  readonly boxes: number
  readonly channels: number
}

/** Input: boxes. Output: the smallest and the largest noise of each. */
export const extremesKernel = defineKernel<ExtremesProblem>({
  name: 'boxExtremes',
  variants: [
    {
      name: 'portable',
      wgsl: extremesWgsl,
      key: () => '',
      specialize: () => ({ code }),
      parameters: (writer, { boxes, channels }) => void writer.u32(boxes).u32(channels),
      workgroups: ({ boxes }) => boxes,
    },
  ],
})

export interface PaintProblem {
  readonly fill: 'value' | 'noise' | 'copy'
  /** The value, or the ends of the noise. */
  readonly low: number
  readonly high: number
  /** `[N, D, H, W, C]` */
  readonly shape: readonly number[]
  readonly dtype: DType
}

const elements = ({ shape }: PaintProblem) => shape.reduce((product, extent) => product * extent, 1)

/** Inputs: volumes, boxes, ranges, extremes of the noise, volumes to copy from. Output: the volumes with filled boxes. */
export const paintKernel = defineKernel<PaintProblem>({
  name: 'paintBoxes',
  variants: [
    {
      name: 'portable',
      wgsl: paintWgsl,
      key: ({ fill, dtype }) => `|${fill}|${dtype}`,
      specialize: ({ fill, dtype }) => ({
        types: { Element: dtype },
        constants: { NOISE: fill === 'noise', COPY: fill === 'copy' },
        code,
      }),
      parameters(writer, problem) {
        writer.u32(elements(problem))
        for (const extent of problem.shape.slice(1)) writer.u32(extent)
        writer.f32(problem.low).f32(problem.high)
      },
      workgroups: (problem) => Math.ceil(elements(problem) / 256),
    },
  ],
})

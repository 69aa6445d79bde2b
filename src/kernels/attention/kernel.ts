/** The kernels of attention. */
import type { Capabilities } from '../../engine/capabilities.js'
import type { DType } from '../../engine/dtype.js'
import { defineKernel, type Specialization } from '../../engine/kernel.js'
import biasGradientWgsl from './bias-gradient.wgsl'
import combineWgsl from './combine.wgsl'
import deltaWgsl from './delta.wgsl'
import forwardWgsl from './forward.wgsl'
import gradientWgsl from './gradient.wgsl'
import {
  type AttentionProblem,
  columnsOf,
  innerProduct,
  lanesOf,
  type PartedProblem,
  rowsOf,
  specializeScores,
  vectorTypes,
  writeScoreParameters,
} from './problem.js'

/** 4-vectors of workgroup memory that the kernels may use for weights. */
const forwardBudget = 768
const gradientBudget = 384

function withTile(
  base: Specialization,
  lanes: number,
  rows: number,
  more: Record<string, number> = {},
): Specialization {
  return { ...base, constants: { ...base.constants, LANES: lanes, ROWS: rows, ...more } }
}

const forwardRows = ({ queries, headDim }: AttentionProblem, capabilities: Capabilities) =>
  rowsOf(queries, lanesOf(headDim, capabilities), forwardBudget)

/** Inputs q, k, v, bias, labels; outputs y and its statistics (see forward.wgsl). Absent bias and labels: any tensor. */
export const attentionKernel = defineKernel<PartedProblem>({
  name: 'attention',
  variants: [
    {
      name: 'portable',
      wgsl: forwardWgsl,
      specialize: (problem, capabilities) =>
        withTile(
          specializeScores(problem, problem.output),
          lanesOf(problem.headDim, capabilities),
          forwardRows(problem, capabilities),
        ),
      parameters: (writer, problem) => writeScoreParameters(writer, problem, problem.parts),
      workgroups: (problem, capabilities) =>
        problem.batch * problem.heads * problem.parts * Math.ceil(problem.queries / forwardRows(problem, capabilities)),
    },
  ],
})

/** Inputs y and statistics by parts; outputs y and statistics. */
export const combineKernel = defineKernel<PartedProblem>({
  name: 'attentionCombine',
  variants: [
    {
      name: 'portable',
      wgsl: combineWgsl,
      specialize: ({ headDim, output }) => ({
        types: vectorTypes(headDim, 'f32', output),
        constants: { COLUMNS: columnsOf(headDim) },
      }),
      parameters: (writer, { batch, heads, queries, parts }) =>
        writer
          .u32(heads)
          .u32(queries)
          .u32(batch * heads * queries)
          .u32(parts),
      workgroups: ({ batch, heads, queries, headDim }) =>
        Math.ceil((batch * heads * queries * columnsOf(headDim)) / 64),
    },
  ],
})

/** Inputs y, its gradient and its statistics; output what the gradient kernels need per query. */
export const deltaKernel = defineKernel<AttentionProblem>({
  name: 'attentionDelta',
  variants: [
    {
      name: 'portable',
      wgsl: deltaWgsl,
      specialize: ({ headDim, dtype }) => ({
        types: vectorTypes(headDim, dtype, dtype),
        constants: { COLUMNS: columnsOf(headDim) },
        code: innerProduct(headDim),
      }),
      parameters: (writer, { batch, heads, queries }) =>
        writer
          .u32(heads)
          .u32(queries)
          .u32(batch * heads * queries),
      workgroups: ({ batch, heads, queries }) => Math.ceil((batch * heads * queries) / 64),
    },
  ],
})

export type AttentionGradient = 'query' | 'key' | 'value'

const gradientModes: Record<AttentionGradient, number> = { query: 0, key: 1, value: 2 }

export interface GradientProblem extends PartedProblem {
  /** The input whose gradient is made. */
  readonly of: AttentionGradient
}

const gradientOwn = ({ of, queries, keys }: GradientProblem) => (of === 'query' ? queries : keys)

const gradientRows = (problem: GradientProblem, capabilities: Capabilities) =>
  rowsOf(gradientOwn(problem), lanesOf(problem.headDim, capabilities), gradientBudget)

/** Inputs as `gradient.wgsl` lists them; output the gradient, by parts. */
export const gradientKernel = defineKernel<GradientProblem>({
  name: 'attentionGradient',
  variants: [
    {
      name: 'portable',
      wgsl: gradientWgsl,
      specialize: (problem, capabilities) =>
        withTile(
          specializeScores(problem, problem.output),
          lanesOf(problem.headDim, capabilities),
          gradientRows(problem, capabilities),
          { MODE: gradientModes[problem.of] },
        ),
      parameters: (writer, problem) => writeScoreParameters(writer, problem, problem.parts),
      workgroups: (problem, capabilities) =>
        problem.batch *
        problem.heads *
        problem.parts *
        Math.ceil(gradientOwn(problem) / gradientRows(problem, capabilities)),
    },
  ],
})

/** Inputs q, k, v, the result's gradient, statistics, bias, labels; output `[bias batch, H, Tq, Tk]` in f32. */
export const biasGradientKernel = defineKernel<AttentionProblem>({
  name: 'attentionBiasGradient',
  variants: [
    {
      name: 'portable',
      wgsl: biasGradientWgsl,
      specialize: (problem) => specializeScores(problem, 'f32' satisfies DType),
      parameters: (writer, problem) => writeScoreParameters(writer, problem, 1),
      workgroups: ({ bias, heads, queries, keys }) => Math.ceil((bias!.batch * heads * queries * keys) / 64),
    },
  ],
})

/** The kernels of attention. */
import type { Capabilities } from '../../engine/capabilities.js'
import { defineKernel, type KernelVariant } from '../../engine/kernel.js'
import biasGradientWgsl from './bias-gradient.wgsl'
import { type AttentionProblem, columnsOf } from './problem.js'
import { rowsForward, rowsKeyGradient, rowsQueryGradient } from './rows.js'
import sideWgsl from './side.wgsl'
import {
  declareBindings,
  elementType,
  gradientSource,
  innerProduct,
  sideSize,
  vectorTypes,
  writeScoreParameters,
} from './source.js'
import {
  pooledForward,
  pooledQueryGradient,
  portableForward,
  portableKeyGradient,
  portableQueryGradient,
} from './tiled.js'

/** What is fastest depends on these; batches and lengths only in their magnitude. */
function bucket({ batch, heads, queries, keys, headDim, dtype, ...more }: AttentionProblem): string {
  const magnitude = (count: number) => 2 ** Math.ceil(Math.log2(Math.max(1, count)))
  const extras = [
    more.causal && 'causal',
    more.bias && 'bias',
    more.labels?.kind,
    more.rope && 'rope',
    more.dropout && 'dropout',
  ]
  const sizes = [magnitude(batch * heads), magnitude(queries), magnitude(keys), headDim].join('x')
  return [dtype, sizes, ...extras.filter(Boolean)].join(' ')
}

const kernelOf = (name: string, variants: readonly KernelVariant<AttentionProblem>[]) =>
  defineKernel<AttentionProblem>({ name, bucket, variants })

/** Inputs q, k, v and what the problem has of bias, labels, rope; outputs y and its statistics (see forward.wgsl). */
export const attentionKernel = kernelOf('attention', [pooledForward, ...rowsForward, portableForward])

/** Inputs q, k, v, dy, the side buffer and, if there is one, the bias; output dq. */
export const queryGradientKernel = kernelOf('attentionQueryGradient', [
  pooledQueryGradient,
  ...rowsQueryGradient,
  portableQueryGradient,
])

/** The same inputs; outputs dk and dv. */
export const keyGradientKernel = kernelOf('attentionKeyGradient', [...rowsKeyGradient, portableKeyGradient])

/** Inputs y, its gradient, its statistics, and labels and rope if there are; output the side buffer (see side.wgsl). */
export const sideKernel = defineKernel<AttentionProblem>({
  name: 'attentionSide',
  variants: [
    {
      name: 'portable',
      wgsl: sideWgsl,
      specialize: ({ headDim, dtype, labels, rope }) => {
        const stored = elementType(headDim, dtype)
        const inputs = [
          ['y', stored],
          ['dy', stored],
          ['statistics', 'f32'],
          ...(labels ? [['label', 'u32']] : []),
          ...(rope ? [['rope', rope.dtype]] : []),
        ] as [string, string][]
        return {
          types: { ...vectorTypes(headDim, dtype), Angle: rope?.dtype ?? 'f32' },
          constants: { COLUMNS: columnsOf(headDim) },
          code: [
            innerProduct(headDim),
            declareBindings(inputs, [['side', 'f32']]),
            `fn labelAt(i: u32) -> u32 { return ${labels ? 'label[i]' : '0u'}; }`,
            `fn ropeNumber(i: u32) -> f32 { return ${rope ? 'f32(rope[i])' : '0.0'}; }`,
          ].join('\n'),
        }
      },
      parameters: (writer, { batch, heads, queries, headDim, labels, rope }) =>
        writer
          .u32(heads)
          .u32(queries)
          .u32(batch * heads * queries)
          .u32(labels?.size ?? 0)
          .u32(rope ? rope.rows * 2 * headDim : 0),
      workgroups: (problem) => {
        const rows = problem.batch * problem.heads * problem.queries
        return Math.ceil((sideSize(problem) - 2 * rows) / 64)
      },
    },
  ],
})

/** Inputs as those of the gradients; output `[bias batch, H, Tq, Tk]` in f32. */
export const biasGradientKernel = defineKernel<AttentionProblem>({
  name: 'attentionBiasGradient',
  variants: [
    {
      name: 'portable',
      wgsl: biasGradientWgsl,
      specialize: (problem) => gradientSource(problem, [['dbias', 'f32']]),
      parameters: (writer, problem) => writeScoreParameters(writer, problem),
      workgroups: ({ bias, heads, queries, keys }: AttentionProblem, _: Capabilities) =>
        Math.ceil((bias!.batch * heads * queries * keys) / 64),
    },
  ],
})

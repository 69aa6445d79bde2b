/** The kernels of attention. */
import type { Capabilities } from '../../engine/capabilities.js'
import { defineKernel, type KernelVariant } from '../../engine/kernel.js'
import biasGradientWgsl from './bias-gradient.wgsl'
import biasGradientRowsWgsl from './bias-gradient-rows.wgsl'
import { blocksForward, blocksKeyGradient, blocksQueryGradient } from './blocks.js'
import { matrixForward, matrixKeyGradient, matrixQueryGradient } from './matrix.js'
import mergeWgsl from './merge.wgsl'
import { type AttentionProblem, columnsOf } from './problem.js'
import { rowsForward, rowsKeyGradient, rowsQueryGradient } from './rows.js'
import sideWgsl from './side.wgsl'
import {
  declareBindings,
  elementType,
  gradientSource,
  innerProduct,
  sideSize,
  sourceKey,
  vectorTypes,
  withConstants,
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
  defineKernel<AttentionProblem>({ name, bucket, variants, version: 2 })

/** Inputs q, k, v and what the problem has of bias, labels, rope; outputs y and its statistics (see forward.wgsl). */
export const attentionKernel = kernelOf('attention', [
  pooledForward,
  ...matrixForward,
  blocksForward,
  ...rowsForward,
  portableForward,
])

/** Inputs q, k, v, dy, the side buffer and, if there is one, the bias; output dq. */
export const queryGradientKernel = kernelOf('attentionQueryGradient', [
  pooledQueryGradient,
  ...matrixQueryGradient,
  blocksQueryGradient,
  ...rowsQueryGradient,
  portableQueryGradient,
])

/** The same inputs; outputs dk and dv. */
export const keyGradientKernel = kernelOf('attentionKeyGradient', [
  ...matrixKeyGradient,
  blocksKeyGradient,
  ...rowsKeyGradient,
  portableKeyGradient,
])

/** Inputs y and statistics of some keys; outputs those of other keys, which become those of both (see merge.wgsl). */
export const mergeKernel = defineKernel<AttentionProblem>({
  name: 'attentionMerge',
  variants: [
    {
      name: 'portable',
      wgsl: mergeWgsl,
      specialize: ({ headDim, dtype }) => {
        const stored = elementType(headDim, dtype)
        return {
          types: vectorTypes(headDim, dtype),
          constants: { COLUMNS: columnsOf(headDim) },
          code: declareBindings(
            [
              ['more', stored],
              ['moreStatistics', 'f32'],
            ],
            [
              ['y', stored],
              ['statistics', 'f32'],
            ],
          ),
        }
      },
      parameters: (writer, { batch, heads, queries }) =>
        writer
          .u32(heads)
          .u32(queries)
          .u32(batch * heads * queries),
      workgroups: ({ batch, heads, queries }) => Math.ceil((batch * heads * queries) / 64),
    },
  ],
})

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

/** Queries and keys of a workgroup in bias-gradient-rows.wgsl; queries and their gradients fit in 16 KiB. */
const biasTile = { rows: 8, lanes: 64, columns: 56 }

/** Inputs as those of the gradients; output `[bias batch, H, Tq, Tk]` in f32. */
export const biasGradientKernel = defineKernel<AttentionProblem>({
  name: 'attentionBiasGradient',
  variants: [
    {
      name: `rows-${biasTile.rows}`,
      wgsl: biasGradientRowsWgsl,
      supports: (_, { headDim }) => columnsOf(headDim) <= biasTile.columns,
      byDefault: (_, { queries }) => queries >= biasTile.rows,
      key: sourceKey,
      specialize: (problem) =>
        withConstants(gradientSource(problem, [['dbias', 'f32']]), { ROWS: biasTile.rows, LANES: biasTile.lanes }),
      parameters: (writer, problem) => writeScoreParameters(writer, problem),
      workgroups: ({ bias, heads, queries, keys }) =>
        bias!.batch * heads * Math.ceil(queries / biasTile.rows) * Math.ceil(keys / biasTile.lanes),
    },
    {
      name: 'portable',
      wgsl: biasGradientWgsl,
      key: sourceKey,
      specialize: (problem) => gradientSource(problem, [['dbias', 'f32']]),
      parameters: (writer, problem) => writeScoreParameters(writer, problem),
      workgroups: ({ bias, heads, queries, keys }: AttentionProblem, _: Capabilities) =>
        Math.ceil((bias!.batch * heads * queries * keys) / 64),
    },
  ],
})

/** Variants that exchange weights through workgroup memory: they run everywhere, on heads of any size. */
import type { Capabilities } from '../../engine/capabilities.js'
import { defineKernel, type KernelVariant, type SecondPass, secondPass } from '../../engine/kernel.js'
import combineWgsl from './combine.wgsl'
import forwardWgsl from './forward.wgsl'
import gradientWgsl from './gradient.wgsl'
import { type AttentionProblem, columnsOf, vectorWidth } from './problem.js'
import {
  declareBindings,
  elementType,
  forwardSource,
  gradientSource,
  sourceKey,
  vectorTypes,
  withConstants,
  writeScoreParameters,
} from './source.js'
import { forwardStore, keyGradientStore, queryGradientStore, type Store } from './store.js'
import sumPartsWgsl from './sum-parts.wgsl'

/** 4-vectors of workgroup memory that the kernels may use for weights. */
const forwardBudget = 768
const gradientBudget = 384

/** Invocations of a workgroup: one per column, and whole hardware vectors. */
function lanesOf({ headDim }: AttentionProblem, { software }: Capabilities): number {
  const unit = software ? 8 : 32
  return Math.ceil(columnsOf(headDim) / unit) * unit
}

/**
 * Rows that a workgroup owns: what fits in `budget` vectors of workgroup memory, and no more than there are. Many rows
 * share each read of the other side; code for 32 takes long to compile and pays only for long walks of large heads.
 */
function rowsOf(own: number, lanes: number, budget: number): number {
  const most = own >= 256 && lanes >= 16 ? 32 : 16
  let rows = 1
  while (rows < most && rows < own && rows * 2 * lanes <= budget) rows *= 2
  return rows
}

/** Rows that a part should walk at least. */
const leastWalk = 256
/** Workgroups that keep an adapter busy; walks with fewer are cut into parts. */
const enoughWorkgroups = ({ software }: Capabilities) => (software ? 4 : 512)

function partsOf({ batch, heads }: AttentionProblem, own: number, walked: number, capabilities: Capabilities): number {
  const workgroups = batch * heads * Math.ceil(own / 16)
  const wanted = Math.ceil(enoughWorkgroups(capabilities) / Math.max(1, workgroups))
  return Math.max(1, Math.min(wanted, Math.floor(walked / leastWalk)))
}

/** What {@link rowsOf} makes of a number of rows, for keys of specialisations. */
const rowsKey = (own: number) => (own >= 256 ? 'many' : Math.min(16, own))

interface Tile {
  readonly lanes: number
  readonly rows: number
}

function forwardTile(problem: AttentionProblem, capabilities: Capabilities): Tile {
  const lanes = lanesOf(problem, capabilities)
  return { lanes, rows: rowsOf(problem.queries, lanes, forwardBudget) }
}

function gradientTile(problem: AttentionProblem, own: number, capabilities: Capabilities): Tile {
  const lanes = lanesOf(problem, capabilities)
  return { lanes, rows: rowsOf(own, lanes, gradientBudget) }
}

const withStore = (store: Store, constants: Record<string, number | boolean>, base: ReturnType<typeof forwardSource>) =>
  withConstants({ ...base, code: `${base.code}\n${store.code}` }, constants)

const extraCount = ({ bias, labels, rope }: AttentionProblem) => [bias, labels, rope].filter(Boolean).length

/** The first pass of a walk in parts has the same bindings as one pass, plus none; the second has the partials as well. */
const bindingsFit = (count: number, { maxStorageBuffersPerStage }: Capabilities) => count <= maxStorageBuffersPerStage

function forwardVariant(name: string, split: boolean): KernelVariant<AttentionProblem> {
  const parts = (problem: AttentionProblem, capabilities: Capabilities) =>
    split ? partsOf(problem, problem.queries, problem.keys, capabilities) : 1
  return {
    name,
    wgsl: forwardWgsl,
    ...(split && {
      supports: (capabilities, problem) => bindingsFit(6 + extraCount(problem), capabilities),
      byDefault: (capabilities, problem) => parts(problem, capabilities) > 1,
      split: (problem, capabilities) => combineParts(problem, parts(problem, capabilities)),
    }),
    key: (problem) => `${sourceKey(problem)}|${rowsKey(problem.queries)}`,
    specialize: (problem, capabilities) => {
      const store = forwardStore(problem, split)
      const { lanes, rows } = forwardTile(problem, capabilities)
      return withStore(store, { LANES: lanes, ROWS: rows, SPLIT: split }, forwardSource(problem, store.outputs))
    },
    parameters: (writer, problem, capabilities) => writeScoreParameters(writer, problem, parts(problem, capabilities)),
    workgroups: (problem, capabilities) =>
      problem.batch *
      problem.heads *
      parts(problem, capabilities) *
      Math.ceil(problem.queries / forwardTile(problem, capabilities).rows),
  }
}

interface Combination {
  readonly problem: AttentionProblem
  readonly parts: number
}

/** Inputs the partials, and the inputs of the first pass, which it does not read; outputs y and statistics. */
const combineKernel = defineKernel<Combination>({
  name: 'attentionCombine',
  variants: [
    {
      name: 'portable',
      wgsl: combineWgsl,
      specialize: ({ problem }) => {
        const { headDim, dtype } = problem
        const partial = vectorWidth(headDim) === 4 ? ['x', 'y', 'z', 'w'] : []
        const read =
          partial.length > 0 ? `vec4f(${partial.map((_, i) => `partial[4u * i + ${i}u]`).join(', ')})` : 'partial[i]'
        const outputs = [['y', elementType(headDim, dtype)] as const, ['statistics', 'f32'] as const]
        return {
          types: vectorTypes(headDim, dtype),
          constants: { COLUMNS: columnsOf(headDim), WIDTH: vectorWidth(headDim) },
          code: [
            declareBindings([['partial', 'f32']], outputs, 4 + extraCount(problem)),
            `fn partialAt(i: u32) -> Value { return ${read}; }`,
          ].join('\n'),
        }
      },
      parameters: (writer, { problem: { batch, heads, queries }, parts }) =>
        writer
          .u32(heads)
          .u32(queries)
          .u32(batch * heads * queries)
          .u32(parts),
      workgroups: ({ problem: { batch, heads, queries, headDim } }) =>
        Math.ceil((batch * heads * queries * columnsOf(headDim)) / 64),
    },
  ],
})

function combineParts(problem: AttentionProblem, parts: number): SecondPass {
  const rows = problem.batch * problem.heads * problem.queries
  return secondPass(parts * rows * (problem.headDim + 2), combineKernel, { problem, parts })
}

/** Inputs the partials, and the inputs of the first pass, which it does not read; output dq. */
const sumPartsKernel = defineKernel<Combination>({
  name: 'attentionSumParts',
  variants: [
    {
      name: 'portable',
      wgsl: sumPartsWgsl,
      specialize: ({ problem: { dtype, bias } }) => ({
        types: { Output: dtype },
        code: declareBindings([['partial', 'f32']], [['result', dtype]], 6 + (bias ? 1 : 0)),
      }),
      parameters: (writer, { problem: { batch, heads, queries, headDim }, parts }) =>
        writer.u32(batch * heads * queries * headDim).u32(parts),
      workgroups: ({ problem: { batch, heads, queries, headDim } }) =>
        Math.ceil((batch * heads * queries * headDim) / 64),
    },
  ],
})

function queryGradientVariant(name: string, split: boolean): KernelVariant<AttentionProblem> {
  const parts = (problem: AttentionProblem, capabilities: Capabilities) =>
    split ? partsOf(problem, problem.queries, problem.keys, capabilities) : 1
  return {
    name,
    wgsl: gradientWgsl,
    ...(split && {
      byDefault: (capabilities, problem) => parts(problem, capabilities) > 1,
      split: (problem, capabilities) => {
        const count = parts(problem, capabilities)
        const size = problem.batch * problem.heads * problem.queries * problem.headDim
        return secondPass(count * size, sumPartsKernel, { problem, parts: count })
      },
    }),
    key: (problem) => `${sourceKey(problem)}|${rowsKey(problem.queries)}`,
    specialize: (problem, capabilities) => {
      const store = queryGradientStore(problem, split)
      const { lanes, rows } = gradientTile(problem, problem.queries, capabilities)
      const constants = { LANES: lanes, ROWS: rows, OF_QUERY: true }
      return withStore(store, constants, gradientSource(problem, store.outputs))
    },
    parameters: (writer, problem, capabilities) => writeScoreParameters(writer, problem, parts(problem, capabilities)),
    workgroups: (problem, capabilities) =>
      problem.batch *
      problem.heads *
      parts(problem, capabilities) *
      Math.ceil(problem.queries / gradientTile(problem, problem.queries, capabilities).rows),
  }
}

/** For few queries and many keys (pooling): the keys are cut into parts, so that one query fills an adapter. */
const pooling = 'pooling'
const portable = 'portable'

export const pooledForward = forwardVariant(pooling, true)
export const portableForward = forwardVariant(portable, false)
export const pooledQueryGradient = queryGradientVariant(pooling, true)
export const portableQueryGradient = queryGradientVariant(portable, false)

export const portableKeyGradient: KernelVariant<AttentionProblem> = {
  name: portable,
  wgsl: gradientWgsl,
  key: (problem) => `${sourceKey(problem)}|${rowsKey(problem.keys)}`,
  specialize: (problem, capabilities) => {
    const store = keyGradientStore(problem)
    const { lanes, rows } = gradientTile(problem, problem.keys, capabilities)
    const constants = { LANES: lanes, ROWS: rows, OF_QUERY: false }
    return withStore(store, constants, gradientSource(problem, store.outputs))
  },
  parameters: (writer, problem) => writeScoreParameters(writer, problem),
  workgroups: (problem, capabilities) =>
    problem.batch * problem.heads * Math.ceil(problem.keys / gradientTile(problem, problem.keys, capabilities).rows),
}

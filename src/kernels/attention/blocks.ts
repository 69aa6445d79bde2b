/** Variants in which an invocation makes a block of scores in registers: see blocks-common.wgsl. */
import type { Capabilities } from '../../engine/capabilities.js'
import type { KernelVariant } from '../../engine/kernel.js'
import blocksCommonWgsl from './blocks-common.wgsl'
import blocksForwardWgsl from './blocks-forward.wgsl'
import blocksGradientWgsl from './blocks-gradient.wgsl'
import { type AttentionProblem, columnsOf, vectorWidth } from './problem.js'
import { forward, keyGradient, queryGradient, type Side, sideSource } from './sides.js'
import { sourceKey, withConstants, writeScoreParameters } from './source.js'

/** As in blocks-common.wgsl: invocations along either side of a workgroup, and rows of a tile. */
const grid = 8
const lanes = grid * grid
const rows = 4 * grid

/** Sums of an invocation are 4 rows by these; more would leave no registers for anything else. */
const mostColumns = 64

const chunksOf = ({ headDim }: AttentionProblem) => Math.ceil(columnsOf(headDim) / grid)

/** Kinds of owned rows: queries forward, two of either side in the gradients. */
const ownSides = ({ name }: Side) => (name === 'forward' ? 1 : 2)

/** Whether own rows stay in workgroup memory: then beside a walked tile, weights and the largest scores. */
function isResident(side: Side, problem: AttentionProblem, { maxWorkgroupMemoryBytes }: Capabilities): boolean {
  const tileBytes = 4 * vectorWidth(problem.headDim) * rows * grid
  return (1 + ownSides(side) * chunksOf(problem)) * tileBytes + 16 * (rows * grid + lanes) <= maxWorkgroupMemoryBytes
}

function variantOf(side: Side): KernelVariant<AttentionProblem> {
  return {
    name: 'blocks',
    wgsl: side.name === 'forward' ? blocksForwardWgsl : blocksGradientWgsl,
    supports: (_, { headDim }) => columnsOf(headDim) <= mostColumns,
    // Small heads are for `window`, few rows would leave most of a tile idle. A CPU has neither registers nor fast memory to gain.
    byDefault: ({ software }, problem) => !software && problem.headDim > 32 && side.own(problem) >= rows / 2,
    key: sourceKey,
    specialize: (problem, capabilities) =>
      withConstants(sideSource(side, problem, blocksCommonWgsl), {
        LANES: lanes,
        OF_QUERY: side.name === 'queryGradient',
        OWN_SIDES: ownSides(side),
        RESIDENT: isResident(side, problem, capabilities),
      }),
    parameters: (writer, problem) => writeScoreParameters(writer, problem),
    workgroups: (problem) => problem.batch * problem.heads * Math.ceil(side.own(problem) / rows),
  }
}

export const blocksForward = variantOf(forward)
export const blocksQueryGradient = variantOf(queryGradient)
export const blocksKeyGradient = variantOf(keyGradient)

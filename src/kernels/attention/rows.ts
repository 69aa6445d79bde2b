/** Variants in which an invocation owns rows: no exchange between invocations, the other side through workgroup memory. */
import type { Capabilities } from '../../engine/capabilities.js'
import type { KernelVariant } from '../../engine/kernel.js'
import { type AttentionProblem, columnsOf } from './problem.js'
import rowsCommonWgsl from './rows-common.wgsl'
import rowsForwardWgsl from './rows-forward.wgsl'
import rowsKeyGradientWgsl from './rows-key-gradient.wgsl'
import rowsKeysWgsl from './rows-keys.wgsl'
import rowsQueryGradientWgsl from './rows-query-gradient.wgsl'
import { forward, keyGradient, queryGradient, type Side, sideSource } from './sides.js'
import { sourceKey, withConstants, writeScoreParameters } from './source.js'

/** Compilers unroll loops up to here; beyond, registers become memory. */
const mostColumns = 32
/** What every adapter has for a workgroup. */
const workgroupBytes = 16384
const mostTile = 32
const block = 4

interface Shape {
  readonly lanes: number
  readonly rows: number
  /** Pairs of a batch and a head that a workgroup works for at a time. */
  readonly pack: number
}

const sources: Record<Side['name'], string> = {
  forward: rowsForwardWgsl,
  queryGradient: rowsQueryGradientWgsl,
  keyGradient: rowsKeyGradientWgsl,
}

const shared: Record<Side['name'], string> = {
  forward: [rowsCommonWgsl, rowsKeysWgsl].join('\n'),
  queryGradient: [rowsCommonWgsl, rowsKeysWgsl].join('\n'),
  keyGradient: rowsCommonWgsl,
}

const powerOfTwo = (least: number) => 2 ** Math.ceil(Math.log2(Math.max(1, least)))

/** Rows of the other side that fit in workgroup memory at a time, with three numbers each. */
function tileOf({ headDim }: AttentionProblem, pack: number): number {
  let tile = mostTile
  while (tile > block && pack * tile * (2 * 4 * headDim + 16) > workgroupBytes) tile /= 2
  return tile
}

/** A workgroup's invocations for the pairs it works for: enough for `own` rows, if that is no more than `most`. */
function shapeOf(own: number, rows: number, most: number, packs: boolean): Shape {
  const span = Math.min(most, Math.max(8, powerOfTwo(own / rows)))
  return packs ? { lanes: most, rows, pack: most / span } : { lanes: span, rows, pack: 1 }
}

interface Choice {
  readonly name: string
  readonly family: string
  /** Rows of an invocation. */
  readonly rows: number
  readonly most: number
  readonly packs: boolean
  byDefault(side: Side, problem: AttentionProblem, capabilities: Capabilities): boolean
}

function variantOf(
  side: Side,
  { name, family, rows, most, packs, byDefault }: Choice,
): KernelVariant<AttentionProblem> {
  const shape = (problem: AttentionProblem) => shapeOf(side.own(problem), rows, most, packs)
  return {
    name,
    family,
    wgsl: sources[side.name],
    supports: (_, problem) => columnsOf(problem.headDim) <= mostColumns && fits(problem, shape(problem).pack),
    byDefault: (capabilities, problem) => byDefault(side, problem, capabilities),
    key: (problem) => `${sourceKey(problem)}|${shape(problem).lanes}|${shape(problem).pack}`,
    specialize: (problem) => {
      const { lanes, pack } = shape(problem)
      const constants = { LANES: lanes, ROWS: rows, PACK: pack, BLOCK: block, TILE: tileOf(problem, pack) }
      return withConstants(sideSource(side, problem, shared[side.name]), constants)
    },
    parameters: (writer, problem) => writeScoreParameters(writer, problem),
    workgroups: (problem) => {
      const { lanes, pack } = shape(problem)
      const tiles = Math.ceil(side.own(problem) / ((lanes / pack) * rows))
      return Math.ceil((problem.batch * problem.heads) / pack) * tiles
    },
  }
}

const fits = (problem: AttentionProblem, pack: number) =>
  pack * tileOf(problem, pack) * (2 * 4 * problem.headDim + 16) <= workgroupBytes

/** Vectors of one array that an invocation may keep: more make the code longer to compile than it saves. */
const softwareBudget = 80

/** The most rows of 8, 4, 2 and 1 that the budget allows and that leave few invocations idle. */
function softwareRows(side: Side, problem: AttentionProblem): number {
  const fits = (rows: number) => rows * columnsOf(problem.headDim) <= softwareBudget && side.own(problem) >= 32 * rows
  return [8, 4, 2].find(fits) ?? 1
}

/** For software adapters: several rows to an invocation, so that each read of the other side serves all of them. */
const forSoftware = [8, 4, 2, 1].map(
  (rows): Choice => ({
    name: `rows-${rows}`,
    family: 'rows',
    rows,
    most: 128,
    packs: false,
    byDefault: (side, problem, { software }) => software && rows === softwareRows(side, problem),
  }),
)

/** For GPUs and small heads, as windows have: many pairs to a workgroup where a pair has few rows. */
const window: Choice = {
  name: 'window',
  family: 'window',
  rows: 1,
  most: 128,
  packs: true,
  byDefault: (_, { headDim }, { software }) => !software && headDim <= 32,
}

const variantsOf = (side: Side) => [...forSoftware, window].map((choice) => variantOf(side, choice))

export const rowsForward = variantsOf(forward)
export const rowsQueryGradient = variantsOf(queryGradient)
export const rowsKeyGradient = variantsOf(keyGradient)

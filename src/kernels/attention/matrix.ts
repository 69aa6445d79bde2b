/** Variants on subgroup matrices of f16 with f32 sums: see matrix-common.wgsl. */
import type { Capabilities } from '../../engine/capabilities.js'
import type { KernelVariant } from '../../engine/kernel.js'
import matrixCommonWgsl from './matrix-common.wgsl'
import matrixForwardWgsl from './matrix-forward.wgsl'
import matrixGradientWgsl from './matrix-gradient.wgsl'
import type { AttentionProblem } from './problem.js'
import { forward, keyGradient, queryGradient, type Side, sideSource } from './sides.js'
import { sourceKey, withConstants, writeScoreParameters } from './source.js'

/** Rows, columns and depth of one multiply-accumulate. */
type Matrix = readonly [m: number, n: number, k: number]

const matrices: readonly Matrix[] = [
  [16, 16, 16],
  [16, 8, 16],
  [16, 8, 8],
  [8, 8, 8],
]

/** Subgroups of a workgroup, and rows of the other side at a time: the first that fits in workgroup memory. */
const tileSizes = [
  { subgroups: 4, walked: 32 },
  { subgroups: 4, walked: 16 },
  { subgroups: 2, walked: 16 },
] as const

type Tile = (typeof tileSizes)[number]

/** Larger heads would keep more results in registers than there are. */
const mostHeadDim = 128

/** Tiles of own rows and of walked rows, and of products, in workgroup memory. */
const tilesOf = ({ name }: Side) => (name === 'forward' ? 1 : 2)

/** Features with the zeros that make them whole matrices. */
const widthOf = ({ headDim }: AttentionProblem, [, n, k]: Matrix) =>
  Math.ceil(headDim / Math.max(n, k)) * Math.max(n, k)

function bytesOf(side: Side, problem: AttentionProblem, matrix: Matrix, { subgroups, walked }: Tile, size: number) {
  const tiles = tilesOf(side)
  const own = subgroups * matrix[0]
  const rows = 2 * (tiles * own + 2 * walked) * (widthOf(problem, matrix) + 8)
  return rows + tiles * own * (4 * (walked + 4) + 2 * (walked + 8)) + 8 * subgroups * size
}

function tileOf(
  side: Side,
  matrix: Matrix,
  { subgroupMaxSize, maxWorkgroupMemoryBytes, maxInvocationsPerWorkgroup }: Capabilities,
  problem: AttentionProblem,
): Tile | undefined {
  return tileSizes.find(
    (tile) =>
      // An invocation weighs whole quadruples of one row.
      (tile.walked / 4) % (subgroupMaxSize / matrix[0]) === 0 &&
      tile.subgroups * subgroupMaxSize <= maxInvocationsPerWorkgroup &&
      bytesOf(side, problem, matrix, tile, subgroupMaxSize) <= maxWorkgroupMemoryBytes,
  )
}

const isListed = ({ subgroupMatrixConfigs }: Capabilities, matrix: Matrix) =>
  subgroupMatrixConfigs.some(
    ({ m, n, k, componentType, resultComponentType }) =>
      m === matrix[0] && n === matrix[1] && k === matrix[2] && componentType === 'f16' && resultComponentType === 'f32',
  )

const supports = (side: Side, matrix: Matrix, capabilities: Capabilities, problem: AttentionProblem): boolean =>
  problem.dtype === 'f16' &&
  problem.headDim % 4 === 0 &&
  problem.headDim <= mostHeadDim &&
  isListed(capabilities, matrix) &&
  tileOf(side, matrix, capabilities, problem) !== undefined

function variantOf(side: Side, matrix: Matrix): KernelVariant<AttentionProblem> {
  const [m, n, k] = matrix
  return {
    name: `matrix-${m}x${n}x${k}`,
    family: 'matrix',
    wgsl: side.name === 'forward' ? matrixForwardWgsl : matrixGradientWgsl,
    extensions: ['subgroups', 'chromium_experimental_subgroup_matrix'],
    supports: (capabilities, problem) => supports(side, matrix, capabilities, problem),
    // A tile of rows must be worth its padding.
    byDefault: ({ software }, problem) => !software && problem.headDim > 32 && side.own(problem) >= 4 * m,
    key: sourceKey,
    specialize: (problem, capabilities) => {
      const base = sideSource(side, problem, matrixCommonWgsl)
      const { subgroups, walked } = tileOf(side, matrix, capabilities, problem)!
      const constants = {
        OF_QUERY: side.name === 'queryGradient',
        MATRIX_M: m,
        MATRIX_N: n,
        MATRIX_K: k,
        SUBGROUPS: subgroups,
        WALKED: walked,
        WIDTH: widthOf(problem, matrix),
        LANES: subgroups * capabilities.subgroupMaxSize,
      }
      const types = {
        ...base.types,
        // Columns come first in WGSL's matrix types.
        Left: `subgroup_matrix_left<f16, ${k}, ${m}>`,
        Right: `subgroup_matrix_right<f16, ${n}, ${k}>`,
        Result: `subgroup_matrix_result<f32, ${n}, ${m}>`,
      }
      return withConstants({ ...base, types }, constants)
    },
    parameters: (writer, problem) => writeScoreParameters(writer, problem),
    workgroups: (problem, capabilities) => {
      const { subgroups } = tileOf(side, matrix, capabilities, problem)!
      return problem.batch * problem.heads * Math.ceil(side.own(problem) / (subgroups * m))
    },
  }
}

const variantsOf = (side: Side) => matrices.map((matrix) => variantOf(side, matrix))

export const matrixForward = variantsOf(forward)
export const matrixQueryGradient = variantsOf(queryGradient)
export const matrixKeyGradient = variantsOf(keyGradient)

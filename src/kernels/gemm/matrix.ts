/** Products on subgroup matrices: see matrix.wgsl. */
import type { Capabilities } from '../../engine/capabilities.js'
import type { GemmShape } from './client.js'
import type { GemmSkeleton } from './gemm.js'
import matrixWgsl from './matrix.wgsl'
import matrixOperandWgsl from './matrix-operand.wgsl'
import { forOperand } from './source.js'

export interface MatrixTile {
  /** Rows, columns and depth of one multiply-accumulate. */
  readonly matrix: readonly [number, number, number]
  /** Matrices per subgroup along rows and columns. */
  readonly counts: readonly [number, number]
  /** Subgroups per workgroup along rows and columns. */
  readonly subgroups: readonly [number, number]
  readonly tileK: number
}

/** Components in a 16-byte word. */
const wordOf = (dtype: 'f32' | 'f16'): number => (dtype === 'f16' ? 8 : 4)

/** Both operands in the component type of a configuration, sums in f32. */
export function matrix(tile: MatrixTile): GemmSkeleton {
  const [matrixM, matrixN, matrixK] = tile.matrix
  const [subgroupsM, subgroupsN] = tile.subgroups
  const [countM, countN] = tile.counts
  const [tileM, tileN] = [subgroupsM * countM * matrixM, subgroupsN * countN * matrixN]
  const lanesOf = ({ subgroupMaxSize }: Capabilities) => subgroupsM * subgroupsN * subgroupMaxSize
  const bytesOf = ({ a }: GemmShape) =>
    16 * (tileM + tileN) * (tile.tileK / wordOf(a.dtype) + 1) + 4 * subgroupsM * subgroupsN * matrixM * countN * matrixN
  const isListed = ({ subgroupMatrixConfigs }: Capabilities, { a, b }: GemmShape) =>
    a.dtype === b.dtype &&
    subgroupMatrixConfigs.some(
      ({ m, n, k, componentType, resultComponentType }) =>
        m === matrixM && n === matrixN && k === matrixK && componentType === a.dtype && resultComponentType === 'f32',
    )
  return {
    name: `matrix-${matrixM}x${matrixN}x${matrixK}-${tileM}x${tileN}x${tile.tileK}`,
    family: 'matrix',
    wgsl: matrixWgsl,
    extensions: ['subgroups', 'chromium_experimental_subgroup_matrix'],
    tileM,
    tileN,
    band: 8,
    supports: (capabilities, shape) =>
      isListed(capabilities, shape) &&
      lanesOf(capabilities) <= capabilities.maxInvocationsPerWorkgroup &&
      bytesOf(shape) <= capabilities.maxWorkgroupMemoryBytes,
    specialize: ({ a }, capabilities) => ({
      types: {
        // Columns come first in WGSL's matrix types.
        Left: `subgroup_matrix_left<${a.dtype}, ${matrixK}, ${matrixM}>`,
        Right: `subgroup_matrix_right<${a.dtype}, ${matrixN}, ${matrixK}>`,
        Result: `subgroup_matrix_result<f32, ${matrixN}, ${matrixM}>`,
      },
      constants: {
        MATRIX_M: matrixM,
        MATRIX_N: matrixN,
        MATRIX_K: matrixK,
        COUNT_M: countM,
        COUNT_N: countN,
        SUBGROUPS_M: subgroupsM,
        SUBGROUPS_N: subgroupsN,
        TILE_K: tile.tileK,
        WORD: wordOf(a.dtype),
        LANES: lanesOf(capabilities),
      },
      code: [
        a.dtype === 'f16' ? packHalves : packFloats,
        forOperand(matrixOperandWgsl, 'A'),
        forOperand(matrixOperandWgsl, 'B'),
      ].join('\n'),
    }),
  }
}

const packHalves = `fn word(near: vec4<f16>, far: vec4<f16>) -> vec4<u32> {
  return vec4<u32>(bitcast<vec2<u32>>(near), bitcast<vec2<u32>>(far));
}`

const packFloats = 'fn word(near: vec4f, far: vec4f) -> vec4<u32> { return bitcast<vec4<u32>>(near); }'

/** Products for adapters that run on a CPU: see uniform-row.wgsl and uniform-column.wgsl. */
import type { GemmShape } from './client.js'
import type { GemmSkeleton } from './gemm.js'
import uniformColumnWgsl from './uniform-column.wgsl'
import uniformRowWgsl from './uniform-row.wgsl'
import { unroll } from './unroll.js'

export interface UniformRowTile {
  readonly rows: number
  /** 4-vectors of columns per invocation. */
  readonly quads: number
  /** Invocations of a workgroup: 4 `quads` `lanes` columns. Default 32. */
  readonly lanes?: number
}

/** Invocations of a workgroup, and elements of k that it stages. */
const mostLanes = 32
const depth = 64

/**
 * Products of fewer operations are over before a kernel of this size is compiled (a second or more for a new pipeline), and
 * the portable one loses microseconds.
 */
const leastFlops = 1e6

const isWorthwhile = ({ m, n, k, batch }: GemmShape): boolean => 2 * m * n * k * batch >= leastFlops

/**
 * Compilers for CPUs take many seconds over conversions from f16 in a long loop, and over 16-bit elements that are read one by one,
 * as vectors of ragged rows are.
 */
function isCompilable({ m, n, k, a, b }: GemmShape, rows: number): boolean {
  const isWholeA = (a.vectors === 'inner' ? k : m) % 4 === 0
  const isWholeB = (b.vectors === 'inner' ? k : n) % 4 === 0
  const isFloat = a.dtype === 'f32' && b.dtype === 'f32'
  return isFloat || (rows <= 16 && (a.dtype === 'f32' || isWholeA) && (b.dtype === 'f32' || isWholeB))
}

/** Columns of the narrowest tile: two quads of eight lanes, a subgroup of most CPUs. */
const narrowest = 64

/** All rows before the next columns: what is read of b stays in the cache. */
const allRows = 2 ** 20

const isWhole = ({ k }: GemmShape): boolean => k % depth === 0

/**
 * Columns past the end are computed like any other: 96 in a tile of 256 took two to three times what they take in one of
 * 128. Wider tiles stage a less often, so a narrower one must spare an eighth of the columns.
 */
function wastes(columns: number, tileN: number): boolean {
  const padded = (width: number): number => Math.ceil(columns / width) * width
  return padded(tileN) > 1.125 * padded(narrowest)
}

export function uniformRow({ rows, quads, lanes = mostLanes }: UniformRowTile): GemmSkeleton {
  return {
    name: `uniformRow-${rows}x${quads}${lanes < mostLanes ? `x${lanes}` : ''}`,
    family: 'uniformRow',
    wgsl: unroll(uniformRowWgsl, { R: rows, Q: quads }),
    tileM: rows,
    tileN: 4 * quads * lanes,
    band: allRows,
    supports: ({ software }, shape) => software && isCompilable(shape, rows),
    // Half of the rows would be computed in vain where there are no more than half.
    byDefault: (_, shape) =>
      isWorthwhile(shape) && (rows <= 16 || (shape.m > rows / 2 && !wastes(shape.n, 4 * quads * lanes))),
    key: (shape) => `${isWhole(shape)}`,
    specialize: (shape) => ({
      constants: { ROWS: rows, QUADS: quads, LANES: lanes, DEPTH: depth, WHOLE_DEPTH: isWhole(shape) },
    }),
  }
}

/** For no more than `columns` columns. */
export function uniformColumn(columns: number): GemmSkeleton {
  return {
    name: `uniformColumn-${columns}`,
    family: 'uniformColumn',
    wgsl: unroll(uniformColumnWgsl, { C: columns }),
    tileM: 4 * mostLanes,
    tileN: columns,
    band: allRows,
    supports: ({ software }, shape) => software && shape.n <= columns && isCompilable(shape, columns),
    byDefault: (_, shape) => isWorthwhile(shape) && shape.m > 4,
    key: (shape) => `${isWhole(shape)}`,
    specialize: (shape) => ({
      constants: { COLUMNS: columns, LANES: mostLanes, DEPTH: depth, WHOLE_DEPTH: isWhole(shape) },
    }),
  }
}

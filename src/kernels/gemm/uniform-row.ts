/** Products for adapters that run on a CPU: see uniform-row.wgsl. */
import type { GemmSkeleton } from './gemm.js'
import uniformRowWgsl from './uniform-row.wgsl'
import { unroll } from './unroll.js'

export interface UniformRowTile {
  readonly rows: number
  /** 4-vectors of columns per invocation. */
  readonly quads: number
}

/** Invocations of a workgroup, and elements of k that it stages. */
const lanes = 32
const depth = 64

export function uniformRow({ rows, quads }: UniformRowTile): GemmSkeleton {
  return {
    name: `uniformRow-${rows}x${quads}`,
    family: 'uniformRow',
    wgsl: unroll(uniformRowWgsl, { R: rows, Q: quads }),
    tileM: rows,
    tileN: 4 * quads * lanes,
    // All rows before the next columns: what is read of b stays in the cache.
    band: 2 ** 20,
    supports: ({ software }) => software,
    key: ({ k }) => `${k % depth === 0}`,
    specialize: ({ k }) => ({
      constants: { ROWS: rows, QUADS: quads, LANES: lanes, DEPTH: depth, WHOLE_DEPTH: k % depth === 0 },
    }),
  }
}

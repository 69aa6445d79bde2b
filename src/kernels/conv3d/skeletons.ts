/** The ways to compute a product over windows: those of kernels/gemm, behind the one for software adapters. */
import { type GemmShape, type GemmSkeleton, type GemmSplit, skeletons as general } from '../gemm/index.js'
import rowLanesWgsl from './row-lanes.wgsl'

/** Lanes of a software adapter's vectors. */
const lanes = 8
const quads = 8
/** Workgroups that keep the cores of a software adapter evenly busy. */
const enoughWorkgroups = 16
/** Least elements of k that are worth a part of their own. */
const leastDepth = 256

function rowLanes(rows: number): GemmSkeleton {
  const [tileM, tileN] = [lanes * rows, 4 * quads]
  const split = (shape: GemmShape): GemmSplit => {
    const tiles = Math.ceil(shape.m / tileM) * Math.ceil(shape.n / tileN) * shape.batch
    const parts = Math.min(Math.ceil(enoughWorkgroups / tiles), Math.floor(shape.k / leastDepth))
    if (parts <= 1) return { parts: 1, depth: shape.k }
    const depth = 4 * Math.ceil(shape.k / parts / 4)
    return { parts: Math.ceil(shape.k / depth), depth }
  }
  return {
    name: `row-lanes-${rows}`,
    family: 'row-lanes',
    wgsl: rowLanesWgsl,
    tileM,
    tileN,
    band: 1,
    // Compilers for CPUs take long over the many 16-bit stores that ragged rows of f16 need.
    supports: ({ software }, { n, a }) => software && (n % 4 === 0 || a.dtype === 'f32'),
    specialize: () => ({ constants: { LANES: lanes, ROWS: rows, QUADS: quads } }),
    split,
  }
}

export const skeletons: readonly GemmSkeleton[] = [rowLanes(8), rowLanes(4), ...general]

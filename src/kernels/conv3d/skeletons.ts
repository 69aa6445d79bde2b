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
/**
 * Most elements of k that one running sum adds up, where memory allows: a gradient of a weight sums over a whole volume, and
 * the rounding error of a sum grows with its length (131,072 voxels in 3 parts lost 1e-5 of the gradient, in 64 4e-7).
 */
const mostDepth = 2048

function rowLanes(rows: number): GemmSkeleton {
  const [tileM, tileN] = [lanes * rows, 4 * quads]
  const split = (shape: GemmShape): GemmSplit => {
    const tiles = Math.ceil(shape.m / tileM) * Math.ceil(shape.n / tileN) * shape.batch
    const wanted = Math.max(Math.ceil(enoughWorkgroups / tiles), Math.ceil(shape.k / mostDepth))
    const parts = Math.min(wanted, Math.floor(shape.k / leastDepth))
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
    // Compilers for CPUs take seconds over conversions to f16, and longer over 16-bit stores, which ragged rows need.
    supports: ({ software }, { n, a }) => software && (a.dtype === 'f32' || (rows < 8 && n % 4 === 0)),
    specialize: () => ({ constants: { LANES: lanes, ROWS: rows, QUADS: quads } }),
    split,
  }
}

const portable = general.find(({ name }) => name === 'portable')!

/** Small products are over before a large kernel has compiled for a CPU. */
const smallFlops = 4e6

const portableSmall: GemmSkeleton = {
  ...portable,
  name: 'portable-small',
  family: 'portable',
  supports: ({ software }, { m, n, k, batch }) => software && 2 * m * n * k * batch < smallFlops,
}

/** What the skeletons are told of a convolution beyond its product. */
export interface ConvolutionShape extends GemmShape {
  /** Of everything it reads and writes. */
  readonly tensorBytes: number
}

/** Of the tensors' bytes, what partial sums may take. */
const partialShare = 1 / 8

const partBytes = ({ m, n, batch }: GemmShape) => 16 * batch * m * Math.ceil(n / 4)

/** Cuts k into no more parts than memory is spared for. */
function sparing(skeleton: GemmSkeleton): GemmSkeleton {
  if (!skeleton.split) return skeleton
  const split = (shape: GemmShape): GemmSplit => {
    const wanted = skeleton.split!(shape)
    const { tensorBytes } = shape as ConvolutionShape
    const affordable = Math.floor((partialShare * tensorBytes) / partBytes(shape))
    if (wanted.parts <= affordable) return wanted
    if (affordable <= 1) return { parts: 1, depth: shape.k }
    const depth = wanted.depth * Math.ceil(wanted.parts / affordable)
    return { parts: Math.ceil(shape.k / depth), depth }
  }
  if (!skeleton.name.endsWith('-split')) return { ...skeleton, split }
  const supports: GemmSkeleton['supports'] = (capabilities, shape) =>
    (skeleton.supports?.(capabilities, shape) ?? true) && split(shape).parts > 1
  return { ...skeleton, split, supports }
}

export const skeletons: readonly GemmSkeleton[] = [portableSmall, rowLanes(8), rowLanes(4), ...general].map(sparing)

/** The ways to compute a product, the preferred first. */

import type { Capabilities } from '../../engine/capabilities.js'
import blockedWgsl from './blocked.wgsl'
import type { GemmShape } from './client.js'
import type { GemmSkeleton, GemmSplit } from './gemm.js'
import { matrix } from './matrix.js'
import portableWgsl from './portable.wgsl'
import { skinny } from './skinny.js'
import { uniformColumn, uniformRow } from './uniform.js'

export interface BlockedTile {
  readonly tileM: number
  readonly tileN: number
  readonly tileK: number
  /** 4 x 4 blocks per invocation along rows and columns. */
  readonly quadsM: number
  readonly quadsN: number
}

/** Workgroups that keep a large GPU busy (two for each of 132 multiprocessors); fewer tiles than this are cut along k. */
const busyWorkgroups = 264
/** Least elements of k that are worth a part of their own. */
const leastDepth = 256

/** Cuts k so that a grid of few tiles becomes a grid of many; parts are whole steps. */
function splitOf(shape: GemmShape, tileM: number, tileN: number, tileK: number): GemmSplit {
  const tiles = Math.ceil(shape.m / tileM) * Math.ceil(shape.n / tileN) * shape.batch
  const wanted = Math.min(Math.ceil(busyWorkgroups / tiles), Math.floor(shape.k / leastDepth))
  if (wanted <= 1) return { parts: 1, depth: shape.k }
  const depth = Math.ceil(shape.k / wanted / tileK) * tileK
  return { parts: Math.ceil(shape.k / depth), depth }
}

/** A skeleton that cuts k where there are few tiles, for those problems alone. */
function splitting(skeleton: GemmSkeleton, tileK: number): GemmSkeleton {
  const split = (shape: GemmShape) => splitOf(shape, skeleton.tileM, skeleton.tileN, tileK)
  return {
    ...skeleton,
    name: `${skeleton.name}-split`,
    split,
    supports: (capabilities, shape) =>
      (shape.tensors ?? 0) < capabilities.maxStorageBuffersPerStage &&
      (skeleton.supports?.(capabilities, shape) ?? true) &&
      split(shape).parts > 1,
  }
}

/** Workgroup memory and registers are what a CPU has not: it runs such skeletons when a test or the tuner asks for them. */
const forGpus = ({ software }: Capabilities): boolean => !software

/** Products in blocks of workgroup memory and registers: for GPUs. */
export function blocked({ tileM, tileN, tileK, quadsM, quadsN }: BlockedTile): GemmSkeleton {
  const threads = (tileM / (4 * quadsM)) * (tileN / (4 * quadsN))
  const bytes = 16 * tileK * (tileM / 4 + tileN / 4 + 2)
  return {
    name: `blocked-${tileM}x${tileN}x${tileK}`,
    family: 'blocked',
    wgsl: blockedWgsl,
    tileM,
    tileN,
    band: 8,
    supports: ({ maxWorkgroupMemoryBytes, maxInvocationsPerWorkgroup }) =>
      bytes <= maxWorkgroupMemoryBytes && threads <= maxInvocationsPerWorkgroup,
    byDefault: forGpus,
    specialize: () => ({
      constants: { TILE_M: tileM, TILE_N: tileN, TILE_K: tileK, QUADS_M: quadsM, QUADS_N: quadsN },
    }),
  }
}

/** For problems that have no more rows than the tile: others would read b once for every few rows. */
const fewRows = (skeleton: GemmSkeleton): GemmSkeleton => ({
  ...skeleton,
  supports: (capabilities, shape) => shape.m <= skeleton.tileM && (skeleton.supports?.(capabilities, shape) ?? true),
})

/** For any client on any adapter. */
const portable: GemmSkeleton = { name: 'portable', wgsl: portableWgsl, tileM: 32, tileN: 32, band: 8 }

const blocked64 = { tileM: 64, tileN: 64, tileK: 16, quadsM: 2, quadsN: 2 }

/** Of a configuration: 4 x 4 matrices per subgroup (64 x 64 results of 16 x 16), a quarter of that, and k cut. */
function matrixSkeletons(shape: readonly [number, number, number]): GemmSkeleton[] {
  const large = matrix({ matrix: shape, counts: [4, 4], subgroups: [2, 2], tileK: 32 })
  const small = { ...matrix({ matrix: shape, counts: [2, 2], subgroups: [2, 2], tileK: 16 }), byDefault: forGpus }
  return [
    splitting(small, 16),
    // A CPU's driver takes minutes to compile this many matrices, and registers are what they are for.
    { ...large, supports: (capabilities, problem) => !capabilities.software && large.supports!(capabilities, problem) },
    small,
  ]
}

export const skeletons: readonly GemmSkeleton[] = [
  fewRows(uniformRow({ rows: 4, quads: 2 })),
  uniformColumn(4),
  uniformColumn(16),
  uniformRow({ rows: 32, quads: 2 }),
  uniformRow({ rows: 32, quads: 2, lanes: 16 }),
  uniformRow({ rows: 32, quads: 2, lanes: 8 }),
  uniformRow({ rows: 16, quads: 2 }),
  uniformRow({ rows: 16, quads: 1 }),
  skinny({ rowQuads: 1, columnQuads: 1 }),
  skinny({ rowQuads: 4, columnQuads: 1 }),
  skinny({ rowQuads: 4, columnQuads: 1, columnLanes: 16 }),
  skinny({ rowQuads: 1, columnQuads: 4 }),
  skinny({ rowQuads: 1, columnQuads: 4, rowLanes: 16 }),
  ...matrixSkeletons([16, 16, 16]),
  ...matrixSkeletons([16, 8, 16]),
  ...matrixSkeletons([8, 16, 16]),
  ...matrixSkeletons([16, 8, 8]),
  ...matrixSkeletons([8, 8, 8]),
  splitting(blocked(blocked64), blocked64.tileK),
  blocked({ tileM: 128, tileN: 128, tileK: 8, quadsM: 2, quadsN: 2 }),
  blocked(blocked64),
  blocked({ tileM: 32, tileN: 64, tileK: 16, quadsM: 1, quadsN: 2 }),
  portable,
]

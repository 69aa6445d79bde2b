/** Products for adapters that run on a CPU: see uniform-row.wgsl. */
import type { GemmSkeleton } from './gemm.js'
import uniformRowWgsl from './uniform-row.wgsl'

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
    wgsl: uniformRowWgsl,
    tileM: rows,
    tileN: 4 * quads * lanes,
    // All rows before the next columns: what is read of b stays in the cache.
    band: 2 ** 20,
    supports: ({ software }) => software,
    key: ({ k }) => `${k % depth === 0}`,
    specialize: ({ k }) => ({
      constants: { ROWS: rows, QUADS: quads, LANES: lanes, DEPTH: depth, WHOLE_DEPTH: k % depth === 0 },
      code: unrolled(rows, quads),
    }),
  }
}

/** The arithmetic of one invocation, without loops. */
function unrolled(rows: number, quads: number): string {
  const each = <T>(count: number, fn: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => fn(i))
  const sums = each(rows, (r) => each(quads, (q) => `r${r}q${q}`)).flat()
  const product = (r: number, q: number) =>
    ['x', 'y', 'z', 'w'].map((component, e) => `(*sums).r${r}q${q} += left${r}.${component} * right${q}_${e};`)
  return `
struct Sums { ${sums.map((name) => `${name}: vec4f,`).join(' ')} }

fn accumulate(sums: ptr<function, Sums>, quads: array<BQuad, QUADS>, k: u32, block: u32) {
  ${each(quads, (q) => `let right${q} = bBlock(quads[${q}], k + 4u * block);`).join('\n  ')}
  ${each(quads, (q) => each(4, (e) => `let right${q}_${e} = vec4f(right${q}[${e}]);`))
    .flat()
    .join('\n  ')}
  ${each(rows, (r) => [
    `let left${r} = stagedA[${r}u * DEPTH_BLOCKS + block];`,
    ...each(quads, (q) => product(r, q)).flat(),
  ])
    .flat()
    .join('\n  ')}
}

fn finishSums(tile: Tile, row: u32, column: u32, sums: ptr<function, Sums>) {
  ${each(
    quads,
    (q) => `if (column + ${q}u * 4u * LANES < params.gemm.n) {
    ${each(rows, (r) => `if (row + ${r}u < params.gemm.m) { finish(tile, row + ${r}u, column + ${q}u * 4u * LANES, (*sums).r${r}q${q}); }`).join('\n    ')}
  }`,
  ).join('\n  ')}
}`
}

/** Products of few rows or few columns on GPUs: see skinny.wgsl. */
import type { GemmShape } from './client.js'
import type { GemmSkeleton } from './gemm.js'
import skinnyWgsl from './skinny.wgsl'

export interface SkinnyTile {
  /** 4 x 4 blocks of an invocation along rows and columns. */
  readonly rowQuads: number
  readonly columnQuads: number
  /** Invocations along rows and columns; at most one of them is not 1. The others share k. */
  readonly rowLanes?: number
  readonly columnLanes?: number
}

const lanes = 64
/** What counts as few. */
const few = 16

export function skinny({ rowQuads, columnQuads, rowLanes = 1, columnLanes = 1 }: SkinnyTile): GemmSkeleton {
  const [tileM, tileN] = [4 * rowQuads * rowLanes, 4 * columnQuads * columnLanes]
  const isFewRows = ({ m }: GemmShape) => m <= few && m <= tileM && rowLanes === 1
  const isFewColumns = ({ n }: GemmShape) => n <= few && n <= tileN && columnLanes === 1
  // Neighbours read neighbouring vectors of the large operand: along k, or along its rows or columns.
  const vectors = rowLanes * columnLanes === 1 ? 'inner' : 'outer'
  return {
    name: `skinny-${tileM}x${tileN}`,
    family: 'skinny',
    wgsl: skinnyWgsl,
    tileM,
    tileN,
    band: 1,
    supports: (_, shape) => isFewRows(shape) || isFewColumns(shape),
    byDefault: ({ software }, shape) =>
      !software &&
      ((isFewRows(shape) && shape.b.vectors === vectors) || (isFewColumns(shape) && shape.a.vectors === vectors)),
    specialize: () => ({
      constants: {
        ROW_QUADS: rowQuads,
        COLUMN_QUADS: columnQuads,
        ROW_LANES: rowLanes,
        COLUMN_LANES: columnLanes,
        LANES: lanes,
      },
    }),
  }
}

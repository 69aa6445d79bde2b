import type { Device } from '../../engine/device.js'
import { checkDType, type DType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { defineKernel } from '../../engine/kernel.js'
import { apply, defineOp, type ReferenceArray } from '../../engine/op.js'
import { formatShape, type Shape, sameShape, sizeOf } from '../../engine/shape.js'
import { type Tensor, tensor } from '../../engine/tensor.js'
import ropeWgsl from './rope3d.wgsl'

export interface RopeTableOptions {
  /** Tokens along the three axes. */
  readonly grid: readonly [number, number, number]
  /** A multiple of 6: sine and cosine of each frequency band on each axis. */
  readonly headDim: number
  /** Wavelengths grow up to this times 2 pi. Default 10000. */
  readonly theta?: number | undefined
}

/**
 * Angles of rotary positions on a 3D grid: f32 `[tokens, 2 * headDim]`, each row `[sin(headDim) | cos(headDim)]`, tokens
 * in row-major order. On each axis, positions are the integers from 0; band b of m = headDim / 6 has the frequency
 * theta^(-b/m), and every angle stands twice, once for each member of its pair (timm's RotaryEmbeddingCat;
 * reference/colipri.md 1.3).
 *
 * @throws ShapeError when `headDim` is not a multiple of 6.
 */
export function ropeTable3d(device: Device, options: RopeTableOptions): Tensor {
  const { grid, headDim } = options
  return tensor(device, ropeAngles3d(options), [grid[0] * grid[1] * grid[2], 2 * headDim])
}

/** The values of {@link ropeTable3d}. */
export function ropeAngles3d({ grid, headDim, theta = 10000 }: RopeTableOptions): Float32Array {
  if (headDim <= 0 || headDim % 6 !== 0) {
    throw new ShapeError(`ropeTable3d: the head size must be a multiple of 6, got ${headDim}`)
  }
  const bands = headDim / 6
  const [depth, height, width] = grid
  const table = new Float32Array(depth * height * width * 2 * headDim)
  let row = 0
  for (let i = 0; i < depth; i++) {
    for (let j = 0; j < height; j++) {
      for (let k = 0; k < width; k++) {
        for (const [axis, position] of [i, j, k].entries()) {
          for (let band = 0; band < bands; band++) {
            const angle = position * theta ** (-band / bands)
            const at = row + 2 * (axis * bands + band)
            table.fill(Math.sin(angle), at, at + 2)
            table.fill(Math.cos(angle), at + headDim, at + headDim + 2)
          }
        }
        row += 2 * headDim
      }
    }
  }
  return table
}

interface RopeProblem {
  readonly dtype: DType
  readonly table: DType
  readonly transposed: boolean
  readonly size: number
  readonly heads: number
  readonly headDim: number
  readonly tableRows: number
}

/** Inputs x and table; output y. */
export const ropeKernel = defineKernel<RopeProblem>({
  name: 'rope3d',
  variants: [
    {
      name: 'portable',
      wgsl: ropeWgsl,
      specialize: ({ dtype, table, transposed }) => ({
        types: { Scalar: dtype, Angle: table },
        constants: { TRANSPOSED: transposed },
      }),
      parameters: (writer, { size, heads, headDim, tableRows }) =>
        writer
          .u32(size / 2)
          .u32(headDim / 2)
          .u32(heads)
          .u32(tableRows),
      workgroups: ({ size }) => Math.ceil(size / 512),
    },
  ],
})

function problemOf(x: Tensor, table: Tensor, transposed: boolean): RopeProblem {
  const [, , heads, headDim] = x.shape as [number, number, number, number]
  const tableRows = sizeOf(table.shape.slice(0, -1))
  return { dtype: x.dtype, table: table.dtype, transposed, size: x.size, heads, headDim, tableRows }
}

function ropeReference(x: ReferenceArray, table: ReferenceArray): ReferenceArray {
  const [, , heads, headDim] = x.shape as [number, number, number, number]
  const rows = sizeOf(table.shape.slice(0, -1))
  const data = x.data.map((value, i) => {
    const row = (Math.floor(i / (heads * headDim)) % rows) * 2 * headDim
    const place = i % headDim
    const turned = place % 2 === 0 ? -x.data[i + 1]! : x.data[i - 1]!
    return value * table.data[row + headDim + place]! + turned * table.data[row + place]!
  })
  return { data, shape: x.shape }
}

const caseOf = (name: string, shape: Shape, tableShape: Shape, bench = false) => ({
  name,
  inputs: [{ shape }, { shape: tableShape, differentiable: false }],
  options: {},
  ...(bench ? { bench } : {}),
})

const ropeOp = defineOp<Record<string, never>>({
  name: 'rope3d',
  doc: 'Turns pairs of features by the angles of their token.',
  shape([x, table]) {
    checkDType('rope3d', ['f32', 'f16'], x!, table!)
    const [batch, tokens, , headDim] = x!.shape
    const rows = table!.shape.length === 3 ? [batch, tokens] : [tokens]
    const wanted = [...rows, 2 * headDim!] as Shape
    if (x!.shape.length !== 4 || headDim! % 2 !== 0 || !sameShape(table!.shape, wanted)) {
      throw new ShapeError(
        `rope3d: x ${formatShape(x!.shape)} and table ${formatShape(table!.shape)} are not [B, T, H, hd] with hd even, ` +
          'and [T, 2 hd] or [B, T, 2 hd]',
      )
    }
    return [{ shape: x!.shape, dtype: x!.dtype }]
  },
  forward(context, [x, table]) {
    const y = context.empty()
    context.run({ kernel: ropeKernel, problem: problemOf(x!, table!, false), inputs: [x!, table!], outputs: [y] })
    context.save(table!)
    return y
  },
  backward(context, [dy], [table]) {
    const dx = context.empty(dy!.shape, dy!.dtype)
    context.run({ kernel: ropeKernel, problem: problemOf(dy!, table!, true), inputs: [dy!, table!], outputs: [dx] })
    return [dx, undefined]
  },
  reference: ([x, table]) => [ropeReference(x!, table!)],
  cost: ([x, table]) => ({ flops: 3 * sizeOf(x!.shape), bytes: 4 * (2 * sizeOf(x!.shape) + sizeOf(table!.shape)) }),
  cases: [
    caseOf('one pair', [1, 1, 1, 2], [1, 4]),
    caseOf('shared table', [2, 5, 3, 6], [5, 12]),
    caseOf('table per batch entry', [2, 3, 2, 12], [2, 3, 24]),
    caseOf('several workgroups', [1, 27, 2, 18], [27, 36]),
    caseOf('Primus-M, 192³', [1, 13824, 12, 72], [13824, 144], true),
  ],
})

/**
 * Rotary position embedding of queries or keys `x` `[B, T, H, hd]`: pairs (0, 1), (2, 3), ... of a head's features are
 * turned by their token's angles. `table` is `[T, 2 hd]` as {@link ropeTable3d} makes it, or `[B, T, 2 hd]` where batch
 * entries have tokens of their own; it gets no gradient.
 *
 * @throws ShapeError when the table does not fit.
 */
export function rope3d(x: Tensor, table: Tensor): Tensor {
  return apply(ropeOp, [x, table], {})
}

import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp } from '../../engine/op.js'
import { formatShape, normalizeAxis, rowMajorStrides, type Shape } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { materialize, moveCost, referenceView } from './copy.js'

interface PermuteOptions {
  readonly axes: readonly number[]
}

function resolveAxes({ length: rank }: Shape, axes: readonly number[]): number[] {
  const resolved = axes.map((axis) => normalizeAxis('permute', axis, rank))
  if (resolved.length !== rank || new Set(resolved).size !== rank) {
    throw new ShapeError(`permute: axes ${formatShape(axes)} must name each of the ${rank} axes once`)
  }
  return resolved
}

const pick = (values: readonly number[], axes: readonly number[]) => axes.map((axis) => values[axis]!)

const permuteOp = defineOp<PermuteOptions>({
  name: 'permute',
  doc: 'Axes in another order.',
  shape: ([x], { axes }) => [{ shape: pick(x!.shape, resolveAxes(x!.shape, axes)), dtype: x!.dtype }],
  forward(context, [x], options) {
    const axes = resolveAxes(x!.shape, options.axes)
    return materialize(context, 'permute', x!, pick(x!.shape, axes), { strides: pick(rowMajorStrides(x!.shape), axes) })
  },
  backward(context, [dy], _, options) {
    const { shape } = context.inputs[0]!
    const axes = resolveAxes(shape, options.axes)
    const inverse = axes.map((_, axis) => axes.indexOf(axis))
    return [materialize(context, 'permute', dy!, shape, { strides: pick(rowMajorStrides(dy!.shape), inverse) })]
  },
  reference([x], options) {
    const axes = resolveAxes(x!.shape, options.axes)
    const shape = pick(x!.shape, axes)
    return [{ data: referenceView(x!.data, shape, { strides: pick(rowMajorStrides(x!.shape), axes) }), shape }]
  },
  cost: ([x]) => moveCost(x!.shape),
  cases: [
    { name: 'matrix', inputs: [{ shape: [3, 5] }], options: { axes: [1, 0] } },
    { name: 'tiles with ragged edges', inputs: [{ shape: [2, 33, 17] }], options: { axes: [0, 2, 1] } },
    { name: 'tiles between batch axes', inputs: [{ shape: [18, 2, 17] }], options: { axes: [2, 1, 0] } },
    { name: 'heads', inputs: [{ shape: [2, 5, 3, 8] }], options: { axes: [0, 2, 1, 3] } },
    { name: 'volume to channels last', inputs: [{ shape: [2, 3, 2, 4, 5] }], options: { axes: [0, 2, 3, 4, 1] } },
    { name: 'no move', inputs: [{ shape: [1, 4, 1, 3] }], options: { axes: [2, 1, 0, -1] } },
    { name: 'every axis', inputs: [{ shape: [2, 3, 2, 3, 2, 2] }], options: { axes: [5, 3, 1, 0, 2, 4] } },
    {
      name: 'volume to channels last',
      inputs: [{ shape: [1, 64, 64, 64, 64] }],
      options: { axes: [0, 2, 3, 4, 1] },
      bench: true,
    },
    { name: 'matrix', inputs: [{ shape: [4096, 4096] }], options: { axes: [1, 0] }, bench: true },
    { name: 'heads', inputs: [{ shape: [8, 512, 12, 64] }], options: { axes: [0, 2, 1, 3] }, bench: true },
  ],
})

/**
 * Axes in another order: axis `i` of the result is axis `axes[i]` of `x`. Copies, except where the elements stay in
 * their order (only axes of extent 1 move).
 */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  return apply(permuteOp, [x], { axes })
}

/** Swaps two axes. */
export function transpose(x: Tensor, a: number, b: number): Tensor {
  const rank = x.shape.length
  const [first, second] = [normalizeAxis('transpose', a, rank), normalizeAxis('transpose', b, rank)]
  const axes = x.shape.map((_, axis) => (axis === first ? second : axis === second ? first : axis))
  return permute(x, axes)
}

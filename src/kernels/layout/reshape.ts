import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp } from '../../engine/op.js'
import { checkShape, formatShape, normalizeAxis, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'

interface ReshapeOptions {
  /** One extent may be -1: whatever is left. */
  readonly shape: Shape
}

function resolveShape(from: Shape, wanted: Shape): number[] {
  const open = wanted.indexOf(-1)
  const rest = sizeOf(wanted.filter((_, axis) => axis !== open))
  const shape = wanted.map((extent, axis) => (axis === open ? sizeOf(from) / rest : extent))
  if (open < 0 || Number.isInteger(shape[open])) {
    checkShape('reshape', shape)
    if (sizeOf(shape) === sizeOf(from)) return shape
  }
  throw new ShapeError(`reshape: ${formatShape(from)} does not have the elements of ${formatShape(wanted)}`)
}

const reshapeOp = defineOp<ReshapeOptions>({
  name: 'reshape',
  doc: 'The same elements in the same order under another shape.',
  shape: ([x], { shape }) => [{ shape: resolveShape(x!.shape, shape), dtype: x!.dtype }],
  forward: ({ outputs }, [x]) => x!.alias(outputs[0]!.shape),
  backward: ({ inputs }, [dy]) => [dy!.alias(inputs[0]!.shape)],
  reference: ([x], { shape }) => [{ data: x!.data, shape: resolveShape(x!.shape, shape) }],
  cost: () => ({ flops: 0, bytes: 0 }),
  cases: [
    { name: 'open extent', inputs: [{ shape: [2, 3, 4] }], options: { shape: [4, -1] } },
    { name: 'scalar', inputs: [{ shape: [1, 1] }], options: { shape: [] } },
    { name: 'empty', inputs: [{ shape: [0, 3] }], options: { shape: [3, 0] } },
  ],
})

/**
 * The same elements under another shape; one extent may be -1. No copy: both tensors share their memory, whatever its
 * size, and each is disposed on its own.
 *
 * @throws ShapeError when the numbers of elements differ.
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  return apply(reshapeOp, [x], { shape })
}

/** Drops `axes` of extent 1 (default: all such axes). */
export function squeeze(x: Tensor, axes?: number | readonly number[]): Tensor {
  const list = typeof axes === 'number' ? [axes] : axes
  const dropped = list?.map((axis) => normalizeAxis('squeeze', axis, x.shape.length))
  for (const axis of dropped ?? []) {
    if (x.shape[axis] !== 1) throw new ShapeError(`squeeze: axis ${axis} of ${formatShape(x.shape)} is not 1 long`)
  }
  const shape = x.shape.filter((extent, axis) => (dropped ? !dropped.includes(axis) : extent !== 1))
  return reshape(x, shape)
}

/** Inserts an axis of extent 1, which becomes axis `axis` of the result; negative ones count from the result's end. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  const at = normalizeAxis('unsqueeze', axis, x.shape.length + 1)
  return reshape(x, x.shape.toSpliced(at, 0, 1))
}

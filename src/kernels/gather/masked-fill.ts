import { ShapeError } from '../../engine/errors.js'
import { apply } from '../../engine/op.js'
import { broadcastShapes, formatShape, sameShape } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { elementwiseOp } from '../elementwise/index.js'

const maskedFillOp = elementwiseOp<{ value: number }>({
  name: 'maskedFill',
  doc: 'A number where the mask is not 0, else x.',
  arguments: ['x', 'm'],
  selectors: ['m'],
  options: ['value'],
  forward: 'select(x, value, m != 0)',
  integerForward: 'select(x, Output(value), m != 0)',
  gradients: ['select(g, 0.0, m != 0)', undefined],
  integers: true,
  reference: ([x, m], { value }) => (m !== 0 ? value : x!),
  examples: [{ value: -7.5 }],
})

/**
 * `value` where `mask` (u32, i32 or a float, broadcast to `x`) is not 0, else `x`.
 *
 * @throws ShapeError when the mask does not broadcast to the shape of `x`.
 */
export function maskedFill(x: Tensor, mask: Tensor, value: number): Tensor {
  if (!sameShape(broadcastShapes('maskedFill', x.shape, mask.shape), x.shape)) {
    throw new ShapeError(
      `maskedFill: the mask ${formatShape(mask.shape)} does not broadcast to ${formatShape(x.shape)}`,
    )
  }
  return apply(maskedFillOp, [x, mask], { value })
}

import type { DType } from '../../engine/dtype.js'
import type { DispatchRequest } from '../../engine/kernel.js'
import type { Shape } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { runReduce } from './kernel.js'

interface SumContext {
  empty(shape: Shape, dtype?: DType): Tensor
  run<P>(request: DispatchRequest<P>): void
}

/** Sums a gradient over the axes along which an input of `shape` was broadcast. */
export function sumTo(context: SumContext, gradient: Tensor, shape: Shape): Tensor {
  const lead = gradient.shape.length - shape.length
  const axes = gradient.shape.flatMap((extent, axis) => {
    const own = axis < lead ? 1 : shape[axis - lead]!
    return own === 1 && extent !== 1 ? [axis] : []
  })
  if (axes.length === 0) return gradient.shape.length === shape.length ? gradient : gradient.alias(shape)
  return runReduce(context, gradient, { mode: 'sum', axes, dtype: gradient.dtype, outputShape: shape })
}

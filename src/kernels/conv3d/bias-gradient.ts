/** The gradient of a bias: the sum over everything but channels. */
import { bytesPerElement, type DType } from '../../engine/dtype.js'
import type { Tensor } from '../../engine/tensor.js'
import { add, cast } from '../elementwise/elementwise.js'
import { reduceKernel, runReduce } from '../reduce/kernel.js'
import type { RunContext } from './run.js'

/** Rows of a window are a multiple of this, so that windows start where every adapter accepts it. */
const rowsAlignment = 128
/** Partial sums of a window. */
const parts = 64

export function runBiasGradient(context: RunContext, dy: Tensor, dtype: DType): Tensor {
  const channels = dy.shape[4]!
  const { maxBindingBytes } = context.device.capabilities
  if (dy.byteLength <= maxBindingBytes) {
    return runReduce(context, dy, { mode: 'sum', axes: [0, 1, 2, 3], dtype, outputShape: [channels] })
  }
  const rowBytes = channels * bytesPerElement(dy.dtype)
  const rows = dy.size / channels
  const rowsAtOnce = Math.floor(maxBindingBytes / rowBytes / rowsAlignment) * rowsAlignment
  const sums = Array.from({ length: Math.ceil(rows / rowsAtOnce) }, (_, i) => {
    const first = i * rowsAtOnce
    const length = Math.min(rowsAtOnce, rows - first)
    const partial = context.empty([parts, channels], 'f32')
    context.run({
      kernel: reduceKernel,
      problem: { mode: 'sum', value: dy.dtype, target: 'f32', outer: 1, length, inner: channels, parts, scale: 1 },
      inputs: [{ tensor: dy, byteOffset: first * rowBytes, byteLength: length * rowBytes }],
      outputs: [partial],
    })
    return runReduce(context, partial, { mode: 'sum', axes: [0], dtype: 'f32', outputShape: [channels] })
  })
  return cast(
    sums.reduce((a, b) => add(a, b)),
    dtype,
  )
}

/** Pooling in float64, window by window. */

import { bytesPerElement } from '../../engine/dtype.js'
import type { Cost, ReferenceArray } from '../../engine/op.js'
import { sizeOf } from '../../engine/shape.js'
import type { TensorSpec } from '../../engine/tensor.js'
import { pooledShape, type WindowAxes, type WindowAxis } from './windows.js'

interface Window {
  /** Positions inside the volume. */
  readonly positions: readonly number[]
  readonly divisor: number
}

const range = (first: number, end: number) => Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i)

function windowAt(axis: WindowAxis, output: number): Window {
  const { extent, outputs, padding } = axis
  if (axis.adaptive) {
    const positions = range(Math.floor((output * extent) / outputs), Math.ceil(((output + 1) * extent) / outputs))
    return { positions, divisor: positions.length }
  }
  const taken = range(0, axis.kernel).map((k) => output * axis.stride - padding + k * axis.dilation)
  const positions = taken.filter((position) => position >= 0 && position < extent)
  const padded = taken.filter((position) => position < extent + padding)
  return { positions, divisor: axis.countsPadding ? padded.length : positions.length }
}

/** Every window of `x` through `pool`, which gets the window's elements in row-major order, and its divisor. */
export function poolReference(
  { data, shape }: ReferenceArray,
  axes: WindowAxes,
  pool: (values: readonly number[], divisor: number) => number,
): ReferenceArray {
  const [, depth, height, width, channels] = shape as [number, number, number, number, number]
  const [depths, heights, widths] = axes.map((axis) => range(0, axis.outputs).map((o) => windowAt(axis, o)))
  const result: number[] = []
  for (let n = 0; n < shape[0]!; n++) {
    for (const d of depths!) {
      for (const h of heights!) {
        for (const w of widths!) {
          for (let c = 0; c < channels; c++) {
            const at = (i: number, j: number, k: number) =>
              data[(((n * depth + i) * height + j) * width + k) * channels + c]!
            const values = d.positions.flatMap((i) => h.positions.flatMap((j) => w.positions.map((k) => at(i, j, k))))
            result.push(pool(values, d.divisor * h.divisor * w.divisor))
          }
        }
      }
    }
  }
  return { data: Float64Array.from(result), shape: pooledShape(shape, axes) }
}

/** One operation per element of each window; input and output moved once. */
export function poolCost(x: TensorSpec, axes: WindowAxes): Cost {
  const pooled = sizeOf(pooledShape(x.shape, axes))
  const window = sizeOf(axes.map((axis) => (axis.adaptive ? axis.extent / Math.max(1, axis.outputs) : axis.kernel)))
  return { flops: pooled * window, bytes: bytesPerElement(x.dtype) * (sizeOf(x.shape) + pooled) }
}

import type { ReferenceArray } from '../../engine/op.js'
import { rowMajorStrides, type Shape, sizeOf } from '../../engine/shape.js'

/** Applies `reduce` to the elements that share each output position; float64. */
export function reduceReference(
  input: ReferenceArray,
  axes: readonly number[],
  outputShape: Shape,
  reduce: (values: readonly number[]) => number,
): ReferenceArray {
  const kept = input.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis))
  const strides = rowMajorStrides(input.shape)
  const keptStrides = rowMajorStrides(kept.map((axis) => input.shape[axis]!))
  const groups = Array.from({ length: sizeOf(outputShape) }, () => [] as number[])
  for (const [index, value] of input.data.entries()) {
    const position = kept.reduce(
      (sum, axis, k) => sum + (Math.floor(index / strides[axis]!) % input.shape[axis]!) * keptStrides[k]!,
      0,
    )
    groups[position]!.push(value)
  }
  return { data: Float64Array.from(groups, reduce), shape: outputShape }
}

/** Spreading a row into Math.max would overflow the stack at some hundred thousand elements. */
export function largestOf(values: ArrayLike<number>): number {
  let largest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, values[i]!)
  return largest
}

export function smallestOf(values: ArrayLike<number>): number {
  let smallest = Number.POSITIVE_INFINITY
  for (let i = 0; i < values.length; i++) smallest = Math.min(smallest, values[i]!)
  return smallest
}

import { ShapeError } from './errors.js'

/** Row-major extents. `[]` is a scalar. */
export type Shape = readonly number[]

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  let size = 1
  for (const extent of shape) size *= extent
  return size
}

/** `2x3x4`, or `scalar`: how error messages write a shape. */
export function formatShape(shape: Shape): string {
  return shape.length === 0 ? 'scalar' : `[${shape.join(', ')}]`
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis])
}

/** Element strides of a contiguous row-major array. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride
    stride *= shape[axis]!
  }
  return strides
}

/** An axis counted from the front; negative axes count from the back. Throws {@link ShapeError} out of range. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  const normalized = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(axis) || normalized < 0 || normalized >= rank) {
    throw new ShapeError(`${op}: axis ${axis} is outside a tensor of rank ${rank}`)
  }
  return normalized
}

/** Sorted, distinct axes; `undefined` means all. */
export function normalizeAxes(op: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis)
  const list = (typeof axes === 'number' ? [axes] : [...axes]).map((axis) => normalizeAxis(op, axis, rank))
  if (new Set(list).size !== list.length) throw new ShapeError(`${op}: axes ${formatShape(list)} repeat an axis`)
  return list.sort((a, b) => a - b)
}

/** NumPy broadcasting of any number of shapes. Throws {@link ShapeError} naming all of them. */
export function broadcastShapes(op: string, ...shapes: Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length))
  const out = new Array<number>(rank).fill(1)
  for (const shape of shapes) {
    for (let axis = 0; axis < shape.length; axis++) {
      const at = rank - shape.length + axis
      const extent = shape[axis]!
      if (extent === 1 || extent === out[at]) continue
      if (out[at] !== 1) {
        throw new ShapeError(`${op}: shapes ${shapes.map(formatShape).join(' and ')} do not broadcast together`)
      }
      out[at] = extent
    }
  }
  return out
}

/** Checks that every extent is a non-negative safe integer. */
export function checkShape(op: string, shape: Shape): void {
  for (const extent of shape) {
    if (!Number.isSafeInteger(extent) || extent < 0) {
      throw new ShapeError(`${op}: shape ${formatShape(shape)} has an extent that is not a non-negative integer`)
    }
  }
}

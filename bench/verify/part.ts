/** The corner of an array where every index is small. */
import { type Shape, sizeOf } from '../../src/engine/shape.js'

/** The first entries along every axis. */
export function leading<T extends Float64Array | Float32Array | Int32Array | Uint32Array>(
  data: T,
  shape: Shape,
  part: Shape,
): T {
  if (part.every((extent, axis) => extent === shape[axis])) return data
  const result = new (data.constructor as new (length: number) => T)(sizeOf(part))
  const index = part.map(() => 0)
  for (let to = 0; to < result.length; to++) {
    let from = 0
    for (let axis = 0; axis < shape.length; axis++) from = from * shape[axis]! + index[axis]!
    result[to] = data[from]!
    for (let axis = part.length - 1; axis >= 0 && ++index[axis]! === part[axis]; axis--) index[axis] = 0
  }
  return result
}

/** A part in the corner of zeros: the inverse of {@link leading}. */
export function embed(part: Float32Array, shape: readonly number[], into: readonly number[]): Float32Array {
  const size = sizeOf(into)
  if (part.length === size) return part
  const result = new Float32Array(size)
  const index = shape.map(() => 0)
  for (let from = 0; from < part.length; from++) {
    let to = 0
    for (let axis = 0; axis < into.length; axis++) to = to * into[axis]! + index[axis]!
    result[to] = part[from]!
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0
  }
  return result
}

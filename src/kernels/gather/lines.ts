import type { DType } from '../../engine/dtype.js'
import type { ParameterWriter } from '../../engine/parameters.js'
import { type Shape, sizeOf } from '../../engine/shape.js'

/** Lines along an axis: data `[outer, extent, inner]`, and `length` positions in place of the extent. */
export interface Lines {
  readonly outer: number
  readonly extent: number
  readonly length: number
  readonly inner: number
}

export const linesOf = (shape: Shape, axis: number, length: number): Lines => ({
  outer: sizeOf(shape.slice(0, axis)),
  extent: shape[axis]!,
  length,
  inner: sizeOf(shape.slice(axis + 1)),
})

/** Elements on the side of the positions, and on the side of the places. */
export const positionsOf = ({ outer, length, inner }: Lines): number => outer * length * inner
export const placesOf = ({ outer, extent, inner }: Lines): number => outer * extent * inner

/** The fields that all kernels of this folder share. */
export const writeLines = (writer: ParameterWriter, count: number, { extent, length, inner }: Lines): ParameterWriter =>
  writer.u32(count).u32(extent).u32(length).u32(inner)

/** What indices may be. */
export const indexTypes: readonly DType[] = ['i32', 'u32']

/** `[0, extent)` and whole: every other index names no place. */
export const isPlace = (index: number, extent: number): boolean => index >= 0 && index < extent

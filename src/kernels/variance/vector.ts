/** Row kernels over single elements or 4-vectors, from one source. */
import type { DType } from '../../engine/dtype.js'

/** Elements that one load takes: rows that are no multiple of four are walked one by one. */
export const vectorWidth = (length: number): 1 | 4 => (length % 4 === 0 ? 4 : 1)

/** Types `NAME` for the tensors' elements and `Vector` for f32 values. */
export function vectorTypes(width: 1 | 4, elements: Readonly<Record<string, DType>>): Record<string, string> {
  const typeOf = (dtype: DType) => (width === 4 ? `vec4<${dtype}>` : dtype)
  const named = Object.entries(elements).map(([name, dtype]) => [name, typeOf(dtype)])
  return { Vector: typeOf('f32'), ...Object.fromEntries(named) }
}

/** The sum, the largest and the first of a vector's components. */
export function vectorCode(width: 1 | 4): string {
  return width === 4
    ? `fn total(v: Vector) -> f32 { return (v.x + v.y) + (v.z + v.w); }
fn largest(v: Vector) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }
fn first(v: Vector) -> f32 { return v.x; }`
    : `fn total(v: Vector) -> f32 { return v; }
fn largest(v: Vector) -> f32 { return v; }
fn first(v: Vector) -> f32 { return v; }`
}

/** How the gathering kernels read channels: in 4-vectors where they are made of them, else one by one. */
import type { DType } from '../../engine/dtype.js'

export type Width = 1 | 4

export const widthOf = (channels: number): Width => (channels % 4 === 0 ? 4 : 1)

export const element = (dtype: DType, width: Width): string => (width === 4 ? `vec4<${dtype}>` : dtype)

/** Reads one number of a value. */
export const component = (width: Width): string =>
  `fn component(x: ${element('f32', width)}, i: u32) -> f32 { return x${width === 4 ? '[i]' : ''}; }\n`

/** `name(at, left)`: four numbers in f32 from `at` on, of which 1 + `left` are there; `at` counts values of the width. */
export const fourFrom = (name: string, tensor: string, width: Width): string =>
  width === 4
    ? `fn ${name}(at: u32, left: u32) -> vec4f { return vec4f(${tensor}[at]); }\n`
    : `fn ${name}(at: u32, left: u32) -> vec4f {
  let each = at + min(vec4u(0u, 1u, 2u, 3u), vec4u(left));
  return vec4f(f32(${tensor}[each.x]), f32(${tensor}[each.y]), f32(${tensor}[each.z]), f32(${tensor}[each.w]));
}\n`

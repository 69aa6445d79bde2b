/** How the kernels of this folder reach tensors: WGSL functions for 4-vectors and for single elements. */
import type { DType } from '../../engine/dtype.js'
import type { GemmBinding } from '../gemm/index.js'

/** A tensor that is read (or written) by whole 4-vectors, or element by element. */
export interface StoredTensor {
  readonly name: string
  readonly dtype: DType
  readonly whole: boolean
}

/**
 * f16 moves in words of 32 bits: software adapters compile and run accesses of 16 bits lane by lane, and to a GPU it is
 * the same. Only single elements are written as they are, because a word has two owners.
 */
export function bindingOf({ name, dtype, whole }: StoredTensor, isWritten = false): GemmBinding {
  if (dtype === 'f32') return { name, type: whole ? 'vec4<f32>' : 'f32' }
  if (whole) return { name, type: 'vec2<u32>' }
  return { name, type: isWritten ? 'f16' : 'u32' }
}

/**
 * Software adapters test a read that all lanes share for a negative address, unless its index cannot be one. Bindings end
 * at 2 GiB, so that these bits are all an index has.
 */
const indexBits = (bytes: number): string => `${2 ** 31 / bytes - 1}u`

/** `nameQuad(at)`, `at` counting 4-vectors; or `nameElement(at)`. Both give the tensor's own type. */
export function readerOf({ name, dtype, whole }: StoredTensor): string {
  const [suffix, type, body] = whole
    ? dtype === 'f32'
      ? ['Quad', 'vec4<f32>', `${name}[at & ${indexBits(16)}]`]
      : ['Quad', 'vec4<f16>', `bitcast<vec4<f16>>(${name}[at & ${indexBits(8)}])`]
    : dtype === 'f32'
      ? ['Element', 'f32', `${name}[at & ${indexBits(4)}]`]
      : ['Element', 'f16', `bitcast<vec2<f16>>(${name}[(at & ${indexBits(2)}) / 2u] >> (16u * (at & 1u))).x`]
  return `fn ${name}${suffix}(at: u32) -> ${type} { return ${body}; }\n`
}

/** `write(at, count, value)`: the first `count` of four elements from element `at` on. */
export function writerOf({ name, dtype, whole }: StoredTensor): string {
  if (!whole) {
    return `fn write(at: u32, count: u32, value: vec4f) {
  for (var e = 0u; e < min(count, 4u); e++) {
    ${name}[at + e] = ${dtype}(value[e]);
  }
}\n`
  }
  const quad = dtype === 'f32' ? 'value' : 'bitcast<vec2<u32>>(vec4<f16>(value))'
  return `fn write(at: u32, count: u32, value: vec4f) { ${name}[at / 4u] = ${quad}; }\n`
}

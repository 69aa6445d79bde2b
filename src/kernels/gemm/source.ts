/** Assembles the WGSL that stands between a client's readers and a skeleton. */
import type { Specialization } from '../../engine/kernel.js'
import type { GemmBinding, GemmClient, GemmOperand } from './client.js'
import combineWgsl from './combine.wgsl'
import quadInnerWgsl from './quad-inner.wgsl'
import quadOuterWgsl from './quad-outer.wgsl'
import walkWgsl from './walk.wgsl'
import walkStridedWgsl from './walk-strided.wgsl'

/** All that stands between readers and skeletons. */
export const coreSources: readonly string[] = [quadInnerWgsl, quadOuterWgsl, walkWgsl, walkStridedWgsl, combineWgsl]

const partials: GemmBinding = { name: 'partials', type: 'vec4f' }

/** The client's module for a product; when k is cut, results are partial sums and `store` is left to the second pass. */
export function productSource<P>(client: GemmClient<P>, problem: P, isSplit: boolean): Specialization {
  const { a, b, k } = client.shape(problem)
  const source = client.source(problem)
  return {
    types: { AType: a.dtype, BType: b.dtype, ...source.types },
    constants: { WHOLE_QUADS: k % 4 === 0, ...source.constants },
    code: [
      bindings(source.inputs, isSplit ? [partials] : source.outputs),
      source.shared,
      source.readers,
      operandSource('A', 'm', a, k),
      operandSource('B', 'n', b, k),
      ...(isSplit ? [finishPart] : [source.store, finishWhole]),
    ].join('\n'),
  }
}

/** The client's module for the second pass. */
export function combineSource<P>(client: GemmClient<P>, problem: P): Specialization {
  const source = client.source(problem)
  return {
    types: source.types ?? {},
    constants: { BAND: 1, ...source.constants },
    code: [bindings([partials, ...source.inputs], source.outputs), source.shared, source.store].join('\n'),
  }
}

function bindings(inputs: readonly GemmBinding[], outputs: readonly GemmBinding[]): string {
  return [...inputs, ...outputs]
    .map(({ name, type }, i) => {
      const access = i < inputs.length ? 'read' : 'read_write'
      return `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${type}>;`
    })
    .join('\n')
}

function operandSource(letter: 'A' | 'B', extent: 'm' | 'n', { vectors, isStrided }: GemmOperand, k: number): string {
  const quad = vectors === 'inner' ? quadInnerWgsl : quadOuterWgsl
  // The last step of a k that is not whole 4-vectors would read past the end.
  const walk = vectors === 'outer' && isStrided && k % 4 === 0 ? walkStridedWgsl : walkWgsl
  return (
    forOperand(`${quad}\n${walk}`, letter) +
    `fn ${letter.toLowerCase()}Extent() -> u32 { return params.gemm.${extent}; }\n`
  )
}

/** WGSL that is written for `Operand` / `operand` / `OPERAND`, for one of the two. */
export const forOperand = (wgsl: string, letter: 'A' | 'B'): string =>
  wgsl.replaceAll(/Operand|OPERAND/g, letter).replaceAll('operand', letter.toLowerCase())

const finishWhole = 'fn finish(tile: Tile, i: u32, j: u32, value: vec4f) { store(tile.batch, i, j, value); }'

const finishPart = `fn finish(tile: Tile, i: u32, j: u32, value: vec4f) {
  let row = (tile.part * params.gemm.batches + tile.batch) * params.gemm.m + i;
  partials[row * ((params.gemm.n + 3u) / 4u) + j / 4u] = value;
}`

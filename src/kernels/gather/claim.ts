/** Scattering with one winner per place. */
import type { DType } from '../../engine/dtype.js'
import { bytesPerElement } from '../../engine/dtype.js'
import { defineKernel } from '../../engine/kernel.js'
import { type Tensor, zeros } from '../../engine/tensor.js'
import { type Run, unitTypes } from '../layout/copy.js'
import claimWgsl from './claim.wgsl'
import { type Lines, placesOf, positionsOf, writeLines } from './lines.js'
import scatterWgsl from './scatter.wgsl'

const claimKernel = defineKernel<Lines & { readonly index: DType }>({
  name: 'claim places',
  variants: [
    {
      name: 'portable',
      wgsl: claimWgsl,
      specialize: ({ index }) => ({ types: { Index: index } }),
      parameters: (writer, problem) => void writeLines(writer, positionsOf(problem), problem),
      workgroups: (problem) => Math.ceil(positionsOf(problem) / 256),
    },
  ],
})

/** For every place, 1 + the last position that names it; 0 for none. */
export function runClaim(run: Run, index: Tensor, lines: Lines): Tensor {
  const winners = zeros(index.device, [placesOf(lines)], { dtype: 'u32' })
  run({ kernel: claimKernel, problem: { ...lines, index: index.dtype }, inputs: [index], outputs: [winners] })
  return winners
}

const scatterKernel = defineKernel<Lines & { readonly element: string; readonly sourced: boolean }>({
  name: 'scatter',
  variants: [
    {
      name: 'portable',
      wgsl: scatterWgsl,
      specialize: ({ element, sourced }) => ({
        types: { Element: element },
        code: [
          '@group(0) @binding(0) var<storage, read> x: array<Element>;',
          '@group(0) @binding(1) var<storage, read> winners: array<u32>;',
          sourced ? '@group(0) @binding(2) var<storage, read> src: array<Element>;' : '',
          `@group(0) @binding(${sourced ? 3 : 2}) var<storage, read_write> y: array<Element>;`,
          `fn sourceAt(position: u32) -> Element { return Element(${sourced ? 'src[position]' : ''}); }`,
        ].join('\n'),
      }),
      key: ({ element, sourced }) => `|${element}|${sourced}`,
      parameters: (writer, problem) => void writeLines(writer, placesOf(problem), problem),
      workgroups: (problem) => Math.ceil(placesOf(problem) / 256),
    },
  ],
})

export interface Settle {
  readonly x: Tensor
  readonly winners: Tensor
  /** Values of the winners; 0 when absent. */
  readonly src?: Tensor
  readonly y: Tensor
  readonly lines: Lines
}

/** Records `y`: the winner's value where there is one, else `x`. */
export function runSettle(run: Run, { x, winners, src, y, lines }: Settle): void {
  const element = unitTypes[bytesPerElement(x.dtype)]
  run({
    kernel: scatterKernel,
    problem: { ...lines, element, sourced: src !== undefined },
    inputs: src ? [x, winners, src] : [x, winners],
    outputs: [y],
  })
}

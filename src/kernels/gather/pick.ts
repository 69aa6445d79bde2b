/** Reading where an index points. */
import { bytesPerElement, type DType } from '../../engine/dtype.js'
import { defineKernel } from '../../engine/kernel.js'
import type { Tensor } from '../../engine/tensor.js'
import { type Run, unitTypes } from '../layout/copy.js'
import type { UnitBytes } from '../layout/strided.js'
import gatherWgsl from './gather.wgsl'
import { type Lines, positionsOf, writeLines } from './lines.js'

interface PickProblem extends Lines {
  readonly index: DType
  readonly element: string
  readonly shared: boolean
  readonly claimed: boolean
}

const pickKernel = defineKernel<PickProblem>({
  name: 'gather',
  variants: [
    {
      name: 'portable',
      wgsl: gatherWgsl,
      specialize: ({ element, index, shared, claimed }) => ({
        types: { Element: element, Index: index },
        constants: { SHARED: shared },
        code: [
          '@group(0) @binding(0) var<storage, read> x: array<Element>;',
          '@group(0) @binding(1) var<storage, read> index: array<Index>;',
          claimed ? '@group(0) @binding(2) var<storage, read> winners: array<u32>;' : '',
          `@group(0) @binding(${claimed ? 3 : 2}) var<storage, read_write> y: array<Element>;`,
          `fn won(place: u32, j: u32) -> bool { return ${claimed ? 'winners[place] == j + 1u' : 'true'}; }`,
        ].join('\n'),
      }),
      key: ({ element, index, shared, claimed }) => `|${element}|${index}|${shared}|${claimed}`,
      parameters: (writer, problem) => void writeLines(writer, positionsOf(problem), problem),
      workgroups: (problem) => Math.ceil(positionsOf(problem) / 256),
    },
  ],
})

export interface Pick {
  readonly x: Tensor
  readonly index: Tensor
  readonly y: Tensor
  readonly lines: Lines
  /** One index per position for all lines, rather than one per element of `y`. */
  readonly shared: boolean
  /** Result of a claim: positions that lost their place give 0. */
  readonly winners?: Tensor
}

/** Records `y[o, j, i] = x[o, index, i]`; 0 where the index names no place. */
export function runPick(run: Run, { x, index, y, lines, shared, winners }: Pick): void {
  const elementBytes = bytesPerElement(x.dtype)
  let unit: number = elementBytes
  while (shared && unit < 16 && (lines.inner * elementBytes) % (2 * unit) === 0) unit *= 2
  const inner = (lines.inner * elementBytes) / unit
  const element = unitTypes[unit as UnitBytes]
  run({
    kernel: pickKernel,
    problem: { ...lines, inner, index: index.dtype, element, shared, claimed: winners !== undefined },
    inputs: winners ? [x, index, winners] : [x, index],
    outputs: [y],
  })
}

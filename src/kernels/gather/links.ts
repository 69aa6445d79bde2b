/** Adding up, without float atomics, all values whose index names one place. */
import type { DType } from '../../engine/dtype.js'
import { defineKernel, type KernelVariant } from '../../engine/kernel.js'
import type { Shape } from '../../engine/shape.js'
import { type Tensor, zeros } from '../../engine/tensor.js'
import type { Run } from '../layout/copy.js'
import chainWgsl from './chain.wgsl'
import { type Lines, placesOf, positionsOf, writeLines } from './lines.js'
import nextWgsl from './next.wgsl'
import walkWgsl from './walk.wgsl'

interface LinkProblem extends Lines {
  readonly index: DType
  /** An index that is left out; -1 for none. */
  readonly ignored: number
}

const linkVariant = (wgsl: string): KernelVariant<LinkProblem> => ({
  name: 'portable',
  wgsl,
  specialize: ({ index }) => ({ types: { Index: index } }),
  parameters: (writer, problem) => void writeLines(writer, positionsOf(problem), problem).i32(problem.ignored),
  workgroups: (problem) => Math.ceil(positionsOf(problem) / 256),
})

const chainKernel = defineKernel<LinkProblem>({ name: 'chain positions', variants: [linkVariant(chainWgsl)] })
const nextKernel = defineKernel<LinkProblem>({ name: 'next position', variants: [linkVariant(nextWgsl)] })

interface WalkProblem extends Lines {
  readonly value: DType
  readonly target: DType
  readonly base: DType | undefined
  readonly shared: boolean
}

const isInteger = (dtype: DType): boolean => dtype === 'i32' || dtype === 'u32'

const walkKernel = defineKernel<WalkProblem>({
  name: 'add at index',
  variants: [
    {
      name: 'portable',
      wgsl: walkWgsl,
      specialize: ({ value, target, base, shared }) => ({
        types: { Value: value, Target: target, Accumulator: isInteger(value) ? value : 'f32' },
        constants: { SHARED: shared },
        code: [
          '@group(0) @binding(0) var<storage, read> value: array<Value>;',
          '@group(0) @binding(1) var<storage, read> firsts: array<u32>;',
          '@group(0) @binding(2) var<storage, read> following: array<u32>;',
          base ? `@group(0) @binding(3) var<storage, read> base: array<${base}>;` : '',
          `@group(0) @binding(${base ? 4 : 3}) var<storage, read_write> total: array<Target>;`,
          `fn baseOf(n: u32) -> Accumulator { return Accumulator(${base ? 'base[n]' : '0'}); }`,
        ].join('\n'),
      }),
      key: ({ value, target, base, shared }) => `|${value}|${target}|${base}|${shared}`,
      parameters: (writer, problem) => void writeLines(writer, placesOf(problem), problem),
      workgroups: (problem) => Math.ceil(placesOf(problem) / 256),
    },
  ],
})

export interface AddAtIndex {
  readonly value: Tensor
  readonly index: Tensor
  /** Added to the sums; must have the target's shape. */
  readonly base?: Tensor
  readonly target: Tensor
  readonly lines: Lines
  /** One index per position for all lines, rather than one per element of `value`. */
  readonly shared: boolean
  /** An index that is left out. */
  readonly ignored?: number | undefined
}

interface LinkContext {
  empty(shape: Shape, dtype: DType): Tensor
  readonly run: Run
}

/**
 * Records `target[o, a, i] = base[o, a, i] + sum of value[o, j, i] over the positions j whose index is a`. The order of
 * the sum is that of the positions, so that the result is the same on every run.
 */
export function runAddAtIndex(context: LinkContext, request: AddAtIndex): void {
  const { value, index, base, target, lines, shared, ignored = -1 } = request
  const { device } = value
  const linked = shared ? { ...lines, outer: 1, inner: 1 } : lines
  const problem = { ...linked, index: index.dtype, ignored }
  const heads = zeros(device, [placesOf(linked)], { dtype: 'u32' })
  const firsts = zeros(device, [placesOf(linked)], { dtype: 'u32' })
  const chains = context.empty(index.shape, 'u32')
  const following = context.empty(index.shape, 'u32')
  context.run({ kernel: chainKernel, problem, inputs: [index], outputs: [heads, firsts, chains] })
  context.run({ kernel: nextKernel, problem, inputs: [index, heads, chains], outputs: [following] })
  context.run({
    kernel: walkKernel,
    problem: { ...lines, value: value.dtype, target: target.dtype, base: base?.dtype, shared },
    inputs: [value, firsts, following, ...(base ? [base] : [])],
    outputs: [target],
  })
  for (const temporary of [heads, firsts, chains, following]) temporary.dispose()
}

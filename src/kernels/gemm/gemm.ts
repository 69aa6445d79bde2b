/**
 * Matrix products of anything: `y[i, j] = sum over k of A(i, k) B(k, j)`, per batch, where a client says in WGSL how its
 * operands are read and what becomes of a sum. A linear layer and an implicit-GEMM convolution differ in nothing else.
 * README.md beside this file has the contract.
 */
import type { Capabilities } from '../../engine/capabilities.js'
import type { Cost } from '../../engine/cost.js'
import { bytesPerElement } from '../../engine/dtype.js'
import { defineKernel, type Kernel, type KernelVariant, type Specialization, secondPass } from '../../engine/kernel.js'
import type { ParameterWriter } from '../../engine/parameters.js'
import { type GemmClient, type GemmShape, quadsOf } from './client.js'
import combineWgsl from './combine.wgsl'
import commonWgsl from './common.wgsl'
import { combineSource, coreSources, productSource } from './source.js'

/** A way to compute products, for any client. */
export interface GemmSkeleton {
  readonly name: string
  readonly family?: string
  readonly wgsl: string
  readonly extensions?: KernelVariant<GemmShape>['extensions']
  supports?(capabilities: Capabilities, shape: GemmShape): boolean
  /** Whether it is the choice where nothing was measured, among those that support a problem; absent: always. */
  byDefault?(capabilities: Capabilities, shape: GemmShape): boolean
  /** Rows and columns that a workgroup makes. */
  readonly tileM: number
  readonly tileN: number
  /** Rows of tiles that are walked together: see `tileOf` in common.wgsl. */
  readonly band: number
  /** What the skeleton's own WGSL asks for. */
  specialize?(shape: GemmShape, capabilities: Capabilities): Specialization
  /** Names what `specialize` makes of a shape on one device. */
  key?(shape: GemmShape): string
  /** Into how many parts k is cut; absent or one part: it is not. */
  split?(shape: GemmShape): GemmSplit
}

export interface GemmSplit {
  readonly parts: number
  /** Elements of k per part. */
  readonly depth: number
}

/** A kernel with a variant of every skeleton, the preferred first. */
export function defineGemm<P>(client: GemmClient<P>, skeletons: readonly GemmSkeleton[]): Kernel<P> {
  const combine = combineKernel(client)
  return defineKernel({
    name: client.name,
    variants: skeletons.map((skeleton) => variantOf(client, skeleton, combine)),
    bucket: (problem) => `${(client.kind ?? client.key)(problem)}|${extentBucket(client.shape(problem))}`,
    sources: [...coreSources, ...(client.sources ?? [])],
    cost: (problem) => costOf(client.shape(problem)),
  })
}

/** Extents rounded up to powers of two: problems within a factor of two of each other are tuned as one. */
function extentBucket({ m, n, k, batch }: GemmShape): string {
  return [m, n, k, batch].map((extent) => 2 ** Math.ceil(Math.log2(Math.max(1, extent)))).join('x')
}

/** Operands that are broadcast count once per product: what matters is that costlier problems come out costlier. */
function costOf({ m, n, k, batch, a, b }: GemmShape): Cost {
  const bytes = m * k * bytesPerElement(a.dtype) + k * n * bytesPerElement(b.dtype) + 4 * m * n
  return { flops: 2 * batch * m * n * k, bytes: batch * bytes }
}

interface CombineProblem<P> {
  readonly problem: P
  readonly split: GemmSplit
}

const unsplit = ({ k }: GemmShape): GemmSplit => ({ parts: 1, depth: k })

function variantOf<P>(
  client: GemmClient<P>,
  skeleton: GemmSkeleton,
  combine: Kernel<CombineProblem<P>>,
): KernelVariant<P> {
  const { name, family, extensions, tileM, tileN } = skeleton
  const splitOf = (problem: P): GemmSplit => {
    const shape = client.shape(problem)
    return skeleton.split?.(shape) ?? unsplit(shape)
  }
  return {
    name,
    ...(family ? { family } : {}),
    ...(extensions ? { extensions } : {}),
    wgsl: `${commonWgsl}\n${skeleton.wgsl}`,
    supports: (capabilities, problem) => skeleton.supports?.(capabilities, client.shape(problem)) ?? true,
    byDefault: (capabilities, problem) => skeleton.byDefault?.(capabilities, client.shape(problem)) ?? true,
    key(problem) {
      const shape = client.shape(problem)
      const isSplit = splitOf(problem).parts > 1
      return `|${client.key(problem)}|${shape.k % 4 === 0}|${isSplit}|${skeleton.key?.(shape) ?? ''}`
    },
    specialize(problem, capabilities) {
      const shape = client.shape(problem)
      const own = skeleton.specialize?.(shape, capabilities) ?? {}
      const source = productSource(client, problem, splitOf(problem).parts > 1)
      return {
        types: { ...source.types, ...own.types },
        constants: { BAND: skeleton.band, ...source.constants, ...own.constants },
        code: `${source.code}\n${own.code ?? ''}`,
      }
    },
    parameters: (writer, problem) => writeParameters(client, writer, problem, splitOf(problem)),
    workgroups(problem) {
      const { m, n, batch } = client.shape(problem)
      return Math.ceil(m / tileM) * Math.ceil(n / tileN) * batch * splitOf(problem).parts
    },
    split(problem) {
      const split = splitOf(problem)
      if (split.parts === 1) return undefined
      return secondPass(4 * quadsOf(client.shape(problem)) * split.parts, combine, { problem, split })
    },
  }
}

/** Adds the parts of a product whose k was cut. */
function combineKernel<P>(client: GemmClient<P>): Kernel<CombineProblem<P>> {
  return defineKernel({
    name: `${client.name}Combine`,
    variants: [
      {
        name: 'portable',
        wgsl: `${commonWgsl}\n${combineWgsl}`,
        key: ({ problem }) => `|${client.key(problem)}`,
        specialize: ({ problem }) => combineSource(client, problem),
        parameters: (writer, { problem, split }) => writeParameters(client, writer, problem, split),
        workgroups: ({ problem }) => Math.ceil(quadsOf(client.shape(problem)) / 256),
      },
    ],
  })
}

/** `struct Gemm` of common.wgsl, then what the client adds. */
function writeParameters<P>(client: GemmClient<P>, writer: ParameterWriter, problem: P, split: GemmSplit): void {
  const { m, n, k, batch } = client.shape(problem)
  writer.vectors([m, n, k, batch, split.parts, split.depth], 8)
  client.parameters?.(writer, problem)
}

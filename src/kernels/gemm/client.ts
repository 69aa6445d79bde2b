/** What a client of the product skeletons brings: see README.md. */
import type { ParameterWriter } from '../../engine/parameters.js'

/** How an operand is read. */
export interface GemmOperand {
  /** What its 4-vectors lie along: `inner` is k, `outer` the rows of A or the columns of B. */
  readonly vectors: 'inner' | 'outer'
  /** Component type of those vectors. */
  readonly dtype: 'f32' | 'f16'
  /**
   * With `outer` vectors, promises that addresses are linear in k: `operandInner(k)` is `k * operandInner(1)` in `u32`, and
   * `operandLoad(outer, inner)` depends on `outer + inner` alone. Skeletons then step an address.
   */
  readonly isStrided?: boolean
}

/** What skeletons know of a problem. */
export interface GemmShape {
  readonly m: number
  readonly n: number
  readonly k: number
  /** Independent products of these extents. */
  readonly batch: number
  readonly a: GemmOperand
  readonly b: GemmOperand
  /** Tensors that a dispatch binds, where they may be as many as an adapter takes: splitting k adds one. */
  readonly tensors?: number
}

/** 4-vectors of all results, columns padded. */
export const quadsOf = ({ m, n, batch }: GemmShape): number => batch * m * Math.ceil(n / 4)

/** A tensor: `var<storage> name: array<type>`. */
export interface GemmBinding {
  readonly name: string
  readonly type: string
}

/** The client's part of a module. */
export interface GemmSource {
  readonly types?: Readonly<Record<string, string>>
  readonly constants?: Readonly<Record<string, number | boolean>>
  /** In the order of the dispatch. */
  readonly inputs: readonly GemmBinding[]
  readonly outputs: readonly GemmBinding[]
  /** `struct Params`, its variable, and what readers and `store` share. */
  readonly shared: string
  /** The readers of both operands. Must not mention outputs. */
  readonly readers: string
  /** `fn store(batch: u32, i: u32, j: u32, value: vec4f)`. Must not mention the readers. */
  readonly store: string
}

export interface GemmClient<P> {
  /** Name of the kernel. */
  readonly name: string
  shape(problem: P): GemmShape
  source(problem: P): GemmSource
  /** Names the source of a problem: equal keys, equal sources. */
  key(problem: P): string
  /** What of a problem, beside its extents, changes which skeleton is fastest: the tuner's bucket. Default: the key. */
  kind?(problem: P): string
  /** The WGSL that {@link source} is made of, for the tuner to see when it changes. */
  readonly sources?: readonly string[]
  /** Fields of `Params` after `gemm`. */
  parameters?(writer: ParameterWriter, problem: P): void
}

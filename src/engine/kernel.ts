/**
 * Kernels: WGSL with variants, and which of them a problem gets.
 *
 * Conventions of every `.wgsl` file: `@group(0)` holds the input tensors (read) and then the output tensors
 * (read_write), numbered from 0 in the order of the dispatch; `@group(1) @binding(0)` is the uniform `Params`, if any.
 * The engine prepends a header with `enable` lines and the specialisation's constants, type aliases and functions.
 */
import type { Capabilities } from './capabilities.js'
import type { Cost } from './cost.js'
import { NotSupportedError } from './errors.js'
import type { ParameterWriter } from './parameters.js'
import type { Tensor } from './tensor.js'

/** What is fixed when a kernel is compiled; each distinct specialisation is a pipeline of its own. */
export interface Specialization {
  /** WGSL type aliases, as in `{ Scalar: 'f16' }`. An f16 type brings `enable f16;` along. */
  readonly types?: Readonly<Record<string, string>>
  /** Module constants: booleans, and integers as u32. */
  readonly constants?: Readonly<Record<string, number | boolean>>
  /** WGSL functions, for kernels whose arithmetic is data (the elementwise table). */
  readonly code?: string
}

/** One implementation of a kernel for problems of type `P`. */
export interface KernelVariant<P> {
  readonly name: string
  /** Common name of variants that differ in tile sizes only; default: the variant's own. Benches show one of a family. */
  readonly family?: string
  readonly wgsl: string
  /** WGSL extensions that the source uses beyond f16. */
  readonly extensions?: readonly ('subgroups' | 'chromium_experimental_subgroup_matrix')[]
  /** Whether this variant can run a problem on an adapter; absent means always. */
  supports?(capabilities: Capabilities, problem: P): boolean
  /**
   * Whether it is the choice where nothing was measured, among those that can run the problem; absent means always. So
   * variants for GPUs are passed over on software adapters, and run there when a test or the tuner asks for them.
   */
  byDefault?(capabilities: Capabilities, problem: P): boolean
  specialize?(problem: P, capabilities: Capabilities): Specialization
  /** Names the specialisation of a problem, for variants whose `specialize` is too slow to run at every dispatch. */
  key?(problem: P): string
  /** Writes `Params` in the order and layout of the WGSL struct. */
  parameters?(writer: ParameterWriter, problem: P, capabilities: Capabilities): void
  /** Workgroups to launch: a count (spread over x and y, see {@link spreadWorkgroups}) or three dimensions. */
  workgroups(problem: P, capabilities: Capabilities): number | readonly [number, number, number]
  /**
   * For variants of two passes (split-K): this one then writes partial results, from which a second makes the outputs.
   * Undefined where one pass does it.
   */
  split?(problem: P, capabilities: Capabilities): SecondPass | undefined
}

/** The first pass binds the inputs and then the partials; the second the partials, the inputs and then the outputs. */
export interface SecondPass {
  /** f32 values that the first pass leaves. */
  readonly partials: number
  readonly kernel: Kernel<unknown>
  readonly problem: unknown
}

/** Makes a {@link SecondPass} of a kernel and a problem that fit each other. */
export function secondPass<Q>(partials: number, kernel: Kernel<Q>, problem: Q): SecondPass {
  return { partials, kernel: kernel as Kernel<unknown>, problem }
}

/**
 * A named computation with its variants, the preferred first; the last one must run on any WebGPU adapter. What is
 * preferred can be measured: see {@link VariantPreferences}.
 */
export interface Kernel<P> {
  readonly name: string
  readonly variants: readonly KernelVariant<P>[]
  /** Problems with the same text are of one kind: what is fastest for one is taken for all. Absent: never tuned. */
  bucket?(problem: P): string
  /** What a problem takes: by it the tuner reports rates, and leaves out what is too large for an adapter. */
  cost?(problem: P): Cost
  /** WGSL that `specialize` puts in front of the variants' own: when it changes, measurements of before count no more. */
  readonly sources?: readonly string[]
  /** Raised when something other than the WGSL files changes what is fastest: measurements of before then count no more. */
  readonly version?: number
}

/** Which variant is fastest for which kind of problem on a device: measured there, or shipped for devices of its kind. */
export interface VariantPreferences {
  /** Names of variants, the best first; those that do not support a problem are passed over. */
  preferred(kernel: string, bucket: string): readonly string[]
  /** Where they come from, for reports. */
  describe?(): string
}

/** Every kernel defined so far, for the tests that compile and run each variant. */
const kernels = new Map<string, Kernel<never>>()

export function defineKernel<P>(kernel: Kernel<P>): Kernel<P> {
  kernels.set(kernel.name, kernel as Kernel<never>)
  return kernel
}

export function definedKernels(): readonly Kernel<never>[] {
  return [...kernels.values()]
}

/** The kernel of a name, if it was defined. */
export function definedKernel(name: string): Kernel<never> | undefined {
  return kernels.get(name)
}

/** Part of a tensor, for kernels that work by windows because the whole is beyond the binding limit. */
export interface TensorWindow {
  readonly tensor: Tensor
  /** A multiple of 256, which every adapter accepts. */
  readonly byteOffset: number
  readonly byteLength: number
}

export interface DispatchRequest<P> {
  readonly kernel: Kernel<P>
  readonly problem: P
  readonly inputs: readonly (Tensor | TensorWindow)[]
  readonly outputs: readonly (Tensor | TensorWindow)[]
}

let forced: { readonly kernel: string; readonly variant: string } | undefined

/** Runs `fn` with one kernel's variant chosen by name: for tests, benches and the tuner. */
export function withVariant<T>(kernel: string, variant: string, fn: () => T): T {
  const outer = forced
  forced = { kernel, variant }
  try {
    return fn()
  } finally {
    forced = outer
  }
}

/** The variant that a dispatch would use: the forced one, else the first preferred, else the first that can and wants to. */
export function chooseVariant<P>(
  kernel: Kernel<P>,
  { capabilities, preferences }: { capabilities: Capabilities; preferences: VariantPreferences | undefined },
  problem: P,
): KernelVariant<P> {
  const supported = (variant: KernelVariant<P>) => variant.supports?.(capabilities, problem) ?? true
  if (forced?.kernel === kernel.name) {
    const { variant: name } = forced
    const variant = kernel.variants.find((candidate) => candidate.name === name)
    if (variant && supported(variant)) return variant
    throw new NotSupportedError(`kernel ${kernel.name} has no variant "${name}" for this problem on this adapter`)
  }
  const preferred = (kernel.bucket && preferences?.preferred(kernel.name, kernel.bucket(problem))) ?? []
  for (const name of preferred) {
    const variant = kernel.variants.find((candidate) => candidate.name === name)
    if (variant && supported(variant)) return variant
  }
  const wanted = (variant: KernelVariant<P>) => variant.byDefault?.(capabilities, problem) ?? true
  const variant = kernel.variants.find((candidate) => supported(candidate) && wanted(candidate))
  if (!variant) throw new NotSupportedError(`kernel ${kernel.name} has no variant for this problem on this adapter`)
  return variant
}

/**
 * Kernels: WGSL with variants, compiled once per specialisation, bound and dispatched.
 *
 * Conventions of every `.wgsl` file: `@group(0)` holds the input tensors (read) and then the output tensors
 * (read_write), numbered from 0 in the order of the dispatch; `@group(1) @binding(0)` is the uniform `Params`, if any.
 * The engine prepends a header with `enable` lines and the specialisation's constants, type aliases and functions.
 */
import type { Capabilities } from './capabilities.js'
import type { Device } from './device.js'
import { LimitError, NotSupportedError, ShaderError } from './errors.js'
import { ParameterWriter } from './parameters.js'
import { describeOperation } from './recorder.js'
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
  readonly wgsl: string
  /** WGSL extensions that the source uses beyond f16. */
  readonly extensions?: readonly ('subgroups' | 'chromium_experimental_subgroup_matrix')[]
  /** Whether this variant can run a problem on an adapter; absent means always. */
  supports?(capabilities: Capabilities, problem: P): boolean
  specialize?(problem: P, capabilities: Capabilities): Specialization
  /** Names the specialisation of a problem, for variants whose `specialize` is too slow to run at every dispatch. */
  key?(problem: P): string
  /** Writes `Params` in the order and layout of the WGSL struct. */
  parameters?(writer: ParameterWriter, problem: P): void
  /** Workgroups to launch: a count (spread over x and y, see {@link spreadWorkgroups}) or three dimensions. */
  workgroups(problem: P, capabilities: Capabilities): number | readonly [number, number, number]
}

/** A named computation with its variants, the preferred first; the last one must run on any WebGPU adapter. */
export interface Kernel<P> {
  readonly name: string
  readonly variants: readonly KernelVariant<P>[]
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

/** The variant that a dispatch would use. */
export function chooseVariant<P>(kernel: Kernel<P>, capabilities: Capabilities, problem: P): KernelVariant<P> {
  const supported = (variant: KernelVariant<P>) => variant.supports?.(capabilities, problem) ?? true
  if (forced?.kernel === kernel.name) {
    const { variant: name } = forced
    const variant = kernel.variants.find((candidate) => candidate.name === name)
    if (variant && supported(variant)) return variant
    throw new NotSupportedError(`kernel ${kernel.name} has no variant "${name}" for this problem on this adapter`)
  }
  const variant = kernel.variants.find(supported)
  if (!variant) throw new NotSupportedError(`kernel ${kernel.name} has no variant for this problem on this adapter`)
  return variant
}

/**
 * Records one dispatch. Nothing is launched for a problem of zero workgroups.
 *
 * @throws LimitError when a tensor is larger than one binding may be.
 */
export function dispatch<P>(device: Device, { kernel, problem, inputs, outputs }: DispatchRequest<P>): void {
  const { capabilities, recorder, pipelines } = device
  device.checkUsable()
  const variant = chooseVariant(kernel, capabilities, problem)
  const launch = variant.workgroups(problem, capabilities)
  const workgroups =
    typeof launch === 'number' ? spreadWorkgroups(launch, capabilities.maxWorkgroupsPerDimension) : launch
  if (workgroups[0] * workgroups[1] * workgroups[2] === 0) return
  checkWorkgroups(kernel.name, workgroups, capabilities.maxWorkgroupsPerDimension)
  const compiled = pipelines.get(kernel, variant, problem, inputs.length, outputs.length)
  const bindings = pipelines.bind(kernel, inputs, outputs)
  const parameterOffset = recorder.parameterSlot()
  variant.parameters?.(pipelines.parameters.at(parameterOffset), problem)
  let bytes = 0
  for (const binding of inputs) bytes += touch(device, binding)
  for (const binding of outputs) bytes += touch(device, binding)
  const isolate = !compiled.used
  compiled.used = true
  recorder.dispatch(
    { pipeline: compiled.pipeline, bindings, parameterOffset, workgroups, isolate },
    compiled.label,
    bytes,
  )
}

function touch(device: Device, binding: Tensor | TensorWindow): number {
  device.touch('tensor' in binding ? binding.tensor.storage : binding.storage)
  return binding.byteLength
}

/**
 * `count` workgroups as a grid whose sides stay within the limit of a dimension. The shader's linear index is
 * `workgroup_id.y * num_workgroups.x + workgroup_id.x`, and it must ignore indices from `count` on.
 */
export function spreadWorkgroups(count: number, limit: number): [number, number, number] {
  if (count <= limit) return [count, 1, 1]
  const y = Math.ceil(count / limit)
  return [Math.ceil(count / y), y, 1]
}

function checkWorkgroups(name: string, [x, y, z]: readonly [number, number, number], limit: number): void {
  if (x > limit || y > limit || z > limit) {
    throw new LimitError(
      `kernel ${name}: ${x} x ${y} x ${z} workgroups are beyond this adapter's ${limit} per dimension`,
    )
  }
}

/** Bindings end at a multiple of 16 bytes, so that kernels may work on whole vectors; buffers are that long anyway. */
const roundToVector = (bytes: number): number => Math.ceil(bytes / 16) * 16

interface CompiledKernel {
  readonly label: string
  readonly pipeline: GPUComputePipeline
  used: boolean
  failure?: ShaderError
}

/** Bind groups kept; beyond it the cache starts afresh, which costs microseconds, not correctness. */
const bindGroupLimit = 8192

/** Pipelines, layouts and bind groups of a device. */
export class PipelineCache {
  readonly parameters: ParameterWriter
  readonly #device: Device
  readonly #compiled = new Map<string, CompiledKernel>()
  readonly #layouts = new Map<number, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>()
  readonly #bindGroups = new Map<string, GPUBindGroup>()

  constructor(device: Device) {
    this.#device = device
    this.parameters = new ParameterWriter(device.recorder.ring)
  }

  /** The pipeline of a variant for a problem, compiled on first use. Throws the error of an earlier failure. */
  get<P>(kernel: Kernel<P>, variant: KernelVariant<P>, problem: P, inputs: number, outputs: number): CompiledKernel {
    const { capabilities } = this.#device
    let specialization = variant.key ? undefined : variant.specialize?.(problem, capabilities)
    const detail = variant.key?.(problem) ?? specializationKey(specialization)
    const key = `${kernel.name}/${variant.name}${detail}`
    const known = this.#compiled.get(key)
    if (known) {
      if (known.failure) throw known.failure
      return known
    }
    specialization ??= variant.specialize?.(problem, capabilities)
    const compiled = this.#compile(kernel, variant, specialization, this.#layout(inputs, outputs).pipeline)
    this.#compiled.set(key, compiled)
    return compiled
  }

  bind<P>(
    kernel: Kernel<P>,
    inputs: DispatchRequest<P>['inputs'],
    outputs: DispatchRequest<P>['outputs'],
  ): GPUBindGroup {
    const bindings = [...inputs, ...outputs]
    let key = `${inputs.length}|${outputs.length}`
    for (const binding of bindings) {
      if (binding.byteLength > this.#device.capabilities.maxBindingBytes) {
        throw this.#bindingError(kernel.name, binding.byteLength)
      }
      key +=
        'tensor' in binding
          ? `,${binding.tensor.storage.buffer.id}+${binding.byteOffset}:${binding.byteLength}`
          : `,${binding.storage.buffer.id}`
    }
    const known = this.#bindGroups.get(key)
    if (known) return known
    if (this.#bindGroups.size >= bindGroupLimit) this.#bindGroups.clear()
    const group = this.#device.gpu.createBindGroup({
      layout: this.#layout(inputs.length, outputs.length).group,
      entries: bindings.map((tensor, binding) => ({ binding, resource: this.#resource(tensor) })),
    })
    this.#bindGroups.set(key, group)
    return group
  }

  /** Drops every bind group of a destroyed buffer. */
  forget(bufferId: number): void {
    const mention = new RegExp(`,${bufferId}(?=[,+]|$)`)
    for (const key of this.#bindGroups.keys()) if (mention.test(key)) this.#bindGroups.delete(key)
  }

  /** Compiles a variant's module without running it; the compiler's messages, empty when it is sound. */
  async diagnose<P>(kernel: Kernel<P>, variant: KernelVariant<P>, problem: P): Promise<string[]> {
    const { gpu, capabilities } = this.#device
    gpu.pushErrorScope('validation')
    const code = moduleSource(variant, variant.specialize?.(problem, capabilities))
    const module = gpu.createShaderModule({ label: `${kernel.name}/${variant.name}`, code })
    const { messages } = await module.getCompilationInfo()
    await gpu.popErrorScope()
    return messages.filter(({ type }) => type === 'error').map(({ lineNum, message }) => `line ${lineNum}: ${message}`)
  }

  #compile<P>(
    kernel: Kernel<P>,
    variant: KernelVariant<P>,
    specialization: Specialization | undefined,
    layout: GPUPipelineLayout,
  ): CompiledKernel {
    const { gpu, recorder } = this.#device
    const label = `${kernel.name}/${variant.name}`
    const operation = recorder.operation
    const code = moduleSource(variant, specialization)
    gpu.pushErrorScope('validation')
    const module = gpu.createShaderModule({ label, code })
    const pipeline = gpu.createComputePipeline({ label, layout, compute: { module } })
    const compiled: CompiledKernel = { label, pipeline, used: false }
    recorder.watch((error) => {
      compiled.failure = new ShaderError(
        `${describeOperation(operation)}: kernel ${label} did not compile: ${error.message}`,
      )
      return compiled.failure
    })
    return compiled
  }

  #layout(inputs: number, outputs: number): { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout } {
    const key = inputs * 64 + outputs
    const known = this.#layouts.get(key)
    if (known) return known
    const { gpu, recorder, capabilities } = this.#device
    if (inputs + outputs > capabilities.maxStorageBuffersPerStage) {
      throw new LimitError(
        `a kernel with ${inputs} inputs and ${outputs} outputs is beyond this adapter's ` +
          `${capabilities.maxStorageBuffersPerStage} storage buffers`,
      )
    }
    const group = gpu.createBindGroupLayout({
      entries: Array.from({ length: inputs + outputs }, (_, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: binding < inputs ? 'read-only-storage' : 'storage' } as const,
      })),
    })
    const pipeline = gpu.createPipelineLayout({ bindGroupLayouts: [group, recorder.parameterLayout] })
    const layout = { group, pipeline }
    this.#layouts.set(key, layout)
    return layout
  }

  #resource(binding: Tensor | TensorWindow): GPUBufferBinding {
    if ('tensor' in binding) {
      const { tensor, byteOffset, byteLength } = binding
      return { buffer: tensor.storage.buffer.gpu, offset: byteOffset, size: roundToVector(byteLength) }
    }
    // Whole buffers where possible: tensors of other shapes in the same buffer then share the bind group.
    const { gpu, byteLength } = binding.storage.buffer
    return { buffer: gpu, size: Math.min(byteLength, this.#device.capabilities.maxBindingBytes) }
  }

  #bindingError(kernel: string, bytes: number): LimitError {
    const { recorder, capabilities } = this.#device
    return new LimitError(
      `${describeOperation(recorder.operation)}: kernel ${kernel} needs a tensor of ${bytes} bytes in one binding, and this ` +
        `adapter's maxStorageBufferBindingSize is ${capabilities.maxBindingBytes}: split the tensor, or use f16 storage`,
    )
  }
}

function specializationKey(specialization: Specialization | undefined): string {
  if (!specialization) return ''
  const { types, constants, code } = specialization
  let key = ''
  for (const name in types) key += `|${types[name]}`
  for (const name in constants) key += `|${constants[name]}`
  return code ? `${key}|${code}` : key
}

/** The complete WGSL of a variant: generated header, then the file. */
export function moduleSource<P>(variant: KernelVariant<P>, specialization: Specialization = {}): string {
  const { types = {}, constants = {}, code = '' } = specialization
  const usesHalf = Object.values(types).some((type) => type.includes('f16'))
  const lines = [
    ...(usesHalf ? ['enable f16;'] : []),
    ...(variant.extensions ?? []).map((extension) => `enable ${extension};`),
    ...Object.entries(types).map(([name, type]) => `alias ${name} = ${type};`),
    ...Object.entries(constants).map(([name, value]) =>
      typeof value === 'boolean' ? `const ${name} = ${value};` : `const ${name} = ${value}u;`,
    ),
    code,
  ]
  return `${lines.join('\n')}\n${variant.wgsl}`
}

/** Compiled kernels of a device and what they are bound to: one pipeline per specialisation, one bind group per set of buffers. */
import type { Device } from './device.js'
import { LimitError, ShaderError } from './errors.js'
import type { DispatchRequest, Kernel, KernelVariant, Specialization, TensorWindow } from './kernel.js'
import { ParameterWriter } from './parameters.js'
import { describeOperation } from './recorder.js'
import type { Tensor } from './tensor.js'

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

/**
 * Groups have no destroy(): with what the driver holds for each (lavapipe a mapping, of which a process may have 65,530)
 * they go when the garbage collector runs, which takes them for a few bytes and comes too late. After so many new groups,
 * of all devices together, memory that it does see makes it run.
 */
const groupsPerCollection = 8192
/** More than V8 lets grow outside its heap without a collection. Never touched, so that it is no memory. */
const collectedBytes = 2 ** 27
let groupsSinceCollection = 0

function countGroup(): void {
  if (++groupsSinceCollection < groupsPerCollection) return
  groupsSinceCollection = 0
  void new ArrayBuffer(collectedBytes)
}

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
    countGroup()
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

  /**
   * Compiles a variant's module without running it; the compiler's messages, empty when it is sound. Other capabilities
   * than the device's make the module that an adapter with those would get.
   */
  async diagnose<P>(
    kernel: Kernel<P>,
    variant: KernelVariant<P>,
    problem: P,
    capabilities = this.#device.capabilities,
  ): Promise<string[]> {
    const { gpu } = this.#device
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

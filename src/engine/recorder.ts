/**
 * Commands are recorded into one compute pass and submitted in few large command buffers: a dispatch inside a pass
 * costs about a microsecond, a submission of its own more than forty.
 */
import { DeviceLostError, OutOfMemoryError, ValidationError, type VoxgradError } from './errors.js'
import type { KernelTimer } from './profiler.js'
import { formatShape } from './shape.js'
import type { TensorSpec } from './tensor.js'

/** Bytes of kernel parameters one dispatch may have. */
export const maxParameterBytes = 256

/** Dispatches whose parameters fit in the ring; when it is full, what was recorded is submitted. */
const ringSlots = 4096

export interface Dispatch {
  readonly pipeline: GPUComputePipeline
  readonly bindings: GPUBindGroup
  /** From {@link Recorder.parameterSlot}. */
  readonly parameterOffset: number
  readonly workgroups: readonly [number, number, number]
  /** Set on the first use of a pipeline: it is submitted alone, so that a shader error spoils no other command. */
  readonly isolate: boolean
}

export interface RecordedOperation {
  readonly name: string
  readonly inputs: readonly TensorSpec[]
}

export class Recorder {
  /** Words of the parameter ring, to be written at the offset that {@link parameterSlot} gives. */
  readonly ring = new ArrayBuffer(ringSlots * maxParameterBytes)
  readonly parameterLayout: GPUBindGroupLayout
  timer: KernelTimer | undefined
  /** Number of the submission being recorded; buffers remember the last one that touched them. */
  submissionCount = 0
  readonly #gpu: GPUDevice
  readonly #ringBuffer: GPUBuffer
  readonly #parameters: GPUBindGroup
  readonly #parameterOffsets = new Uint32Array(1)
  readonly #checks = new Set<Promise<void>>()
  readonly #failures: VoxgradError[] = []
  #ringCursor = 0
  #encoder: GPUCommandEncoder | undefined
  #pass: GPUComputePassEncoder | undefined
  #operations: RecordedOperation[] = []

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu
    this.#ringBuffer = gpu.createBuffer({
      label: 'kernel parameters',
      size: this.ring.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    })
    this.parameterLayout = gpu.createBindGroupLayout({
      entries: [
        {
          binding: 0,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: 'uniform', hasDynamicOffset: true },
        },
      ],
    })
    this.#parameters = gpu.createBindGroup({
      layout: this.parameterLayout,
      entries: [{ binding: 0, resource: { buffer: this.#ringBuffer, size: maxParameterBytes } }],
    })
  }

  /** Names the operation that the next commands belong to, for error messages. */
  enter(name: string, inputs: readonly TensorSpec[]): void {
    this.#operations.push({ name, inputs })
  }

  /** Byte offset in {@link ring} for the parameters of the next dispatch. */
  parameterSlot(): number {
    if (this.#ringCursor === this.ring.byteLength) this.flush()
    const offset = this.#ringCursor
    this.#ringCursor += maxParameterBytes
    return offset
  }

  dispatch(command: Dispatch, label: string, byteLength: number): void {
    if (command.isolate) this.#submit()
    const timed = this.timer?.slot(label, byteLength)
    if (timed) this.#endPass()
    const pass = timed ? this.#encoding().beginComputePass({ timestampWrites: timed }) : this.#openPass()
    this.#parameterOffsets[0] = command.parameterOffset
    pass.setPipeline(command.pipeline)
    pass.setBindGroup(0, command.bindings)
    pass.setBindGroup(1, this.#parameters, this.#parameterOffsets, 0, 1)
    pass.dispatchWorkgroups(...command.workgroups)
    if (timed) pass.end()
    if (command.isolate) this.#submit()
  }

  clear(buffer: GPUBuffer): void {
    this.#endPass()
    this.#encoding().clearBuffer(buffer)
  }

  copy(source: GPUBuffer, destination: GPUBuffer, bytes: number): void {
    this.#endPass()
    this.#encoding().copyBufferToBuffer(source, 0, destination, 0, bytes)
  }

  /** Runs `encode` on the encoder of the submission being recorded, outside any pass. */
  encode(encode: (encoder: GPUCommandEncoder) => void): void {
    this.#endPass()
    encode(this.#encoding())
  }

  /** The operation being recorded. */
  get operation(): RecordedOperation {
    return this.#operations.at(-1) ?? { name: 'upload', inputs: [] }
  }

  /** Submits everything recorded so far and frees the parameter ring. */
  flush(): void {
    this.#submit()
    this.#ringCursor = 0
  }

  /** Notes a failure; the next {@link settle} rejects with it. */
  fail(error: VoxgradError): void {
    this.#failures.push(error)
  }

  /** Keeps an eye on the innermost error scope of the device; `describe` turns its error into a typed one. */
  watch(describe: (error: GPUError) => VoxgradError): void {
    const check: Promise<void> = this.#gpu.popErrorScope().then(
      (error) => {
        if (error) this.fail(describe(error))
        this.#checks.delete(check)
      },
      () => {
        // The scope went away with the device; its loss is reported on its own.
        this.#checks.delete(check)
      },
    )
    this.#checks.add(check)
  }

  /** Waits for every pending check, and rejects with the first failure since the last call. */
  async settle(): Promise<void> {
    while (this.#checks.size > 0) await Promise.all(this.#checks)
    const [first, ...rest] = this.#failures.splice(0)
    if (!first) return
    if (rest.length > 0)
      first.message += ` (and ${rest.length} more: ${rest.map((e) => e.message.split('\n')[0]).join('; ')})`
    throw first
  }

  #encoding(): GPUCommandEncoder {
    this.#encoder ??= this.#gpu.createCommandEncoder()
    return this.#encoder
  }

  #openPass(): GPUComputePassEncoder {
    this.#pass ??= this.#encoding().beginComputePass()
    return this.#pass
  }

  #endPass(): void {
    this.#pass?.end()
    this.#pass = undefined
  }

  #submit(): void {
    if (!this.#encoder) return
    this.#endPass()
    const operations = this.#operations
    this.#operations = operations.slice(-1)
    this.#gpu.pushErrorScope('validation')
    this.#gpu.pushErrorScope('out-of-memory')
    // Slots are rewritten only after the submission that used them: a queue runs writes and submissions in order.
    if (this.#ringCursor > 0) this.#gpu.queue.writeBuffer(this.#ringBuffer, 0, this.ring, 0, this.#ringCursor)
    this.#gpu.queue.submit([this.#encoder.finish()])
    this.#encoder = undefined
    this.submissionCount++
    this.watch(
      (error) => new OutOfMemoryError(`${summary(operations)}: the device ran out of memory: ${error.message}`),
    )
    this.watch((error) => new ValidationError(`${summary(operations)}: WebGPU refused the commands: ${error.message}`))
  }
}

/** The last few operations of a submission, which is where an error most likely comes from. */
function summary(operations: readonly RecordedOperation[]): string {
  if (operations.length === 0) return 'upload'
  const shown = operations.slice(-4).map(describeOperation).join(', ')
  return operations.length > 4 ? `… ${shown} (${operations.length} operations)` : shown
}

/** As in `matmul(f32 [2, 3], f32 [3, 4])`. */
export function describeOperation({ name, inputs }: RecordedOperation): string {
  return `${name}(${inputs.map(({ dtype, shape }) => `${dtype} ${formatShape(shape)}`).join(', ')})`
}

/** The error for work on a device that is gone. */
export function lostError(reason: string, message: string): DeviceLostError {
  return new DeviceLostError(`the GPU device was lost (${reason}): ${message}. Open a new one with openDevice()`)
}

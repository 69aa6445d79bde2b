/**
 * Operations: shape rule, forward, gradient, float64 reference and cost in one value.
 */
import { edgeTo, type InputEdge, isRecording, Node, noGrad } from './autograd.js'
import type { Cost } from './cost.js'
import type { Device } from './device.js'
import { dispatch } from './dispatch.js'
import type { DType } from './dtype.js'
import { DeviceMismatchError, ShapeError } from './errors.js'
import type { DispatchRequest } from './kernel.js'
import { scope } from './scope.js'
import { formatShape, type Shape, sameShape } from './shape.js'
import { empty, type Tensor, type TensorSpec } from './tensor.js'

export type { Cost }

/** An array of the float64 reference. */
export interface ReferenceArray {
  readonly data: Float64Array
  readonly shape: Shape
}

/** How a test or bench makes one input. */
export interface CaseInput {
  readonly shape: Shape
  /** Default f32, which f16 runs replace by f16; integer inputs stay as they are. */
  readonly dtype?: DType
  /** Uniform values in this range; default [-1, 1]. */
  readonly range?: readonly [number, number]
  /** These values instead. */
  readonly values?: readonly number[]
  /** False for inputs without gradient (labels, masks, running statistics). Integers never have one. */
  readonly differentiable?: boolean
}

/** One problem of an operation: the same case is a test, a gradient check and, if `bench`, a throughput row. */
export interface OpCase<Options> {
  readonly name: string
  readonly inputs: readonly CaseInput[]
  readonly options: Options
  /** Too large for the float64 reference in tests; measured by the bench suite. */
  readonly bench?: boolean
}

/** What a forward pass works with. */
export interface ForwardContext {
  readonly device: Device
  /** What the shape rule computed. */
  readonly outputs: readonly TensorSpec[]
  /** Whether `backward` will want anything saved. */
  readonly recording: boolean
  /** An uninitialised tensor, by default of the first output's spec. Temporaries are freed when the forward ends. */
  empty(shape?: Shape, dtype?: DType): Tensor
  /** Records a kernel. */
  run<P>(request: DispatchRequest<P>): void
  /** Keeps tensors for `backward`, in this order. No copy is made. */
  save(...tensors: Tensor[]): void
}

/** What a backward pass works with. */
export interface BackwardContext {
  readonly device: Device
  /** Shapes and types of the forward's inputs. */
  readonly inputs: readonly TensorSpec[]
  /** Which inputs want a gradient; others may be left undefined. */
  readonly needs: readonly boolean[]
  empty(shape: Shape, dtype?: DType): Tensor
  run<P>(request: DispatchRequest<P>): void
}

export interface OpDefinition<Options> {
  readonly name: string
  /** One sentence: what it computes. */
  readonly doc: string
  /** Output specs; throws {@link ShapeError} or `DTypeError` naming the operation. */
  shape(inputs: readonly TensorSpec[], options: Options): readonly TensorSpec[]
  forward(context: ForwardContext, inputs: readonly Tensor[], options: Options): Tensor | readonly Tensor[]
  /** One gradient per input. Omitted for composites, whose forward is recorded operation by operation. */
  backward?(
    context: BackwardContext,
    outputGrads: readonly Tensor[],
    saved: readonly Tensor[],
    options: Options,
  ): readonly (Tensor | undefined)[]
  /** The mathematics in float64, as plainly as possible. */
  reference(inputs: readonly ReferenceArray[], options: Options): readonly ReferenceArray[]
  cost?(inputs: readonly TensorSpec[], options: Options): Cost
  readonly cases: readonly OpCase<Options>[]
  /** False when gradients are zero or undefined everywhere (comparisons, rounding, integers). Default true. */
  readonly differentiable?: boolean
}

/** Every operation defined so far: tests and benches walk it, so a new folder needs no entry anywhere. */
const operations = new Map<string, OpDefinition<never>>()

export function defineOp<Options>(definition: OpDefinition<Options>): OpDefinition<Options> {
  operations.set(definition.name, definition as unknown as OpDefinition<never>)
  return definition
}

export function definedOps(): readonly OpDefinition<never>[] {
  return [...operations.values()]
}

/** Applies an operation of one output. */
export function apply<Options>(op: OpDefinition<Options>, inputs: readonly Tensor[], options: Options): Tensor {
  return applyAll(op, inputs, options)[0]!
}

/** Applies an operation: checks, records its kernels, and notes it on the tape when a gradient may be asked for. */
export function applyAll<Options>(op: OpDefinition<Options>, inputs: readonly Tensor[], options: Options): Tensor[] {
  const device = inputs[0]?.device
  if (!device) throw new ShapeError(`${op.name}: needs at least one tensor`)
  for (const input of inputs) {
    void input.storage
    if (input.device !== device) throw new DeviceMismatchError(`${op.name}: the inputs are on two devices`)
  }
  const outputs = op.shape(inputs, options)
  device.recorder.enter(op.name, inputs)
  device.recorder.timer?.enter(op.name, op.cost?.(inputs, options))
  const recording = isRecording() && inputs.some((input) => input.requiresGrad)
  const saved: Tensor[] = []
  const context: ForwardContext = {
    device,
    outputs,
    recording,
    empty: (shape = outputs[0]!.shape, dtype = outputs[0]!.dtype) => empty(device, shape, dtype),
    run: (request) => dispatch(device, request),
    save: (...tensors) => {
      if (recording) saved.push(...tensors)
    },
  }
  const run = () => toArray(op.forward(context, inputs, options))
  if (!op.backward) return scope(run)
  const edges = recording ? inputs.map(edgeTo) : []
  const results = noGrad(() =>
    scope(() => {
      const made = run()
      for (const [i, { shape }] of outputs.entries()) checkResult(op.name, made[i], shape)
      if (recording) attach(op, device, inputs, edges, saved, made, options)
      return made
    }),
  )
  return results
}

function attach<Options>(
  op: OpDefinition<Options>,
  device: Device,
  inputs: readonly Tensor[],
  edges: readonly (InputEdge | undefined)[],
  saved: readonly Tensor[],
  outputs: readonly Tensor[],
  options: Options,
): void {
  const specs = inputs.map(({ shape, dtype }) => ({ shape, dtype }))
  const context: BackwardContext = {
    device,
    inputs: specs,
    needs: edges.map((edge) => edge !== undefined),
    empty: (shape, dtype = 'f32') => empty(device, shape, dtype),
    run: (request) => dispatch(device, request),
  }
  const node = new Node(op.name, edges, outputs, saved, (grads, values) =>
    op.backward!(context, grads, values, options),
  )
  for (const [index, output] of outputs.entries()) {
    output.node = node
    output.nodeOutput = index
  }
}

function checkResult(name: string, result: Tensor | undefined, expected: Shape): void {
  if (!result) throw new ShapeError(`${name}: the forward pass returned fewer tensors than its shape rule`)
  if (!sameShape(result.shape, expected)) {
    throw new ShapeError(
      `${name}: the forward pass made ${formatShape(result.shape)}, its shape rule says ${formatShape(expected)}`,
    )
  }
}

const toArray = (result: Tensor | readonly Tensor[]): Tensor[] =>
  Array.isArray(result) ? [...result] : [result as Tensor]

/** An operation of user code: as {@link defineOp}, but not registered, and callable. */
export function customOp<Options>(
  definition: OpDefinition<Options>,
): (inputs: readonly Tensor[], options: Options) => Tensor {
  return (inputs, options) => apply(definition, inputs, options)
}

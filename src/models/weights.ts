/** Fills the parameters of a model: from a checkpoint, or with seeded random numbers. */
import {
  type DType,
  full,
  Generator,
  keep,
  scope,
  sizeOf,
  type Tensor,
  tensor,
  VoxgradError,
  zeros,
} from '../engine/index.js'
import { cast } from '../kernels/elementwise/index.js'
import { permute } from '../kernels/layout/index.js'
import { randomNormal, randomUniform, truncatedNormal } from '../kernels/random/index.js'
import type { Parameter, ParameterScope } from './layers/parameter.js'

/** Where tensors come from: what `openWeights` of the data layer opens, or anything alike. */
export interface WeightSource {
  /** Shown in messages. */
  readonly path: string
  readonly names: readonly string[]
  /** Text that the file carries beside its tensors. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  header(name: string): { readonly shape: readonly number[]; readonly dtype: string }
  /** Values as float32, in C order. */
  readFloat32(name: string): Promise<Float32Array>
  /** The stored bytes of a tensor into memory of exactly their length; where there is such a short way. */
  readInto?(name: string, target: Uint8Array): Promise<void>
}

export interface LoadOptions {
  /** Only parameters whose names it accepts; others are neither loaded nor missed. */
  readonly only?: ((name: string) => boolean) | undefined
  /** Names in the file that are no parameters and mean no harm. */
  readonly tolerate?: ((name: string) => boolean) | undefined
  /** Called after each tensor. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined
  /** Aborts between two tensors. */
  readonly signal?: AbortSignal | undefined
}

/** How far loading has come. */
export interface LoadProgress {
  /** The tensor that is there now. */
  readonly name: string
  readonly loadedTensors: number
  readonly totalTensors: number
  /** Elements on the device so far, and of all tensors. */
  readonly loadedElements: number
  readonly totalElements: number
}

/** What was loaded. */
export interface LoadReport {
  readonly tensors: number
  /** Elements of all tensors, buffers of the checkpoint included. */
  readonly elements: number
  /** Names in the file that were passed over on purpose. */
  readonly tolerated: readonly string[]
}

/** What is wrong with some weights, tensor by tensor. */
export interface WeightProblems {
  readonly missing: readonly string[]
  readonly extra: readonly string[]
  /** As in `NAME is 2x1, not 48`. */
  readonly misshapen: readonly string[]
}

/** Weights that do not fit a model; the message lists every missing, extra and misshapen tensor. */
export class WeightsError extends VoxgradError {
  readonly path: string
  readonly problems: WeightProblems

  constructor(path: string, problems: WeightProblems) {
    super(describeProblems(path, problems, Number.POSITIVE_INFINITY))
    this.path = path
    this.problems = problems
  }

  /** The message with at most `limit` tensors of each kind, for a terminal. */
  summary(limit: number): string {
    return describeProblems(this.path, this.problems, limit)
  }
}

function describeProblems(path: string, problems: WeightProblems, limit: number): string {
  const kinds = Object.entries(problems) as [string, readonly string[]][]
  const parts = kinds.flatMap(([kind, list]) => {
    if (list.length === 0) return []
    const more = list.length > limit ? `, and ${list.length - limit} more` : ''
    return [`${list.length} ${kind}: ${list.slice(0, limit).join(', ')}${more}`]
  })
  return `${path}: does not fit the model. ${parts.join('; ')}. Give the configuration that these weights were made with`
}

/**
 * Loads every parameter, tensor by tensor. Checks all names and shapes first and throws one {@link WeightsError} about
 * everything that does not fit.
 *
 * The host holds at most three times the largest tensor: one buffer that every tensor is read into, and what the driver
 * has taken over from it since the device was last waited for, which is at most as much again twice.
 */
export async function loadWeights(
  model: ParameterScope,
  source: WeightSource,
  options: LoadOptions = {},
): Promise<LoadReport> {
  const { only = () => true, tolerate = () => false, onProgress, signal } = options
  const wanted = [...model.parameters.values()].filter(({ name }) => only(name))
  const tolerated = checkWeights(model, wanted, source, only, tolerate)
  const largest = Math.max(0, ...wanted.map(({ declaration }) => sizeOf(declaration.shape)))
  const totalElements = wanted.reduce((sum, { declaration }) => sum + sizeOf(declaration.shape), 0)
  const read = reader(source, largest)
  let [loadedElements, pendingElements] = [0, 0]
  for (const [n, parameter] of wanted.entries()) {
    signal?.throwIfAborted()
    const elements = sizeOf(parameter.declaration.shape)
    if (pendingElements > 0 && pendingElements + elements > largest) {
      await model.device.sync()
      pendingElements = 0
    }
    const values = await read(parameter.name, elements)
    parameter.set(makeParameter(model, parameter, () => tensor(model.device, values, parameter.declaration.shape)))
    pendingElements += elements
    loadedElements += elements
    const progress = { loadedTensors: n + 1, totalTensors: wanted.length, loadedElements, totalElements }
    onProgress?.({ name: parameter.name, ...progress })
  }
  return { tensors: wanted.length, elements: totalElements, tolerated }
}

/** Reads float32 tensors through one buffer, and others as the source does. */
function reader(source: WeightSource, largest: number): (name: string, elements: number) => Promise<Float32Array> {
  let buffer: Float32Array | undefined
  return async (name, elements) => {
    if (!source.readInto || source.header(name).dtype !== 'F32') return await source.readFloat32(name)
    buffer ??= new Float32Array(largest)
    const values = buffer.subarray(0, elements)
    await source.readInto(name, new Uint8Array(values.buffer, 0, values.byteLength))
    return values
  }
}

/** Throws about everything that does not fit; returns the names that are tolerated. */
function checkWeights(
  model: ParameterScope,
  wanted: readonly Parameter[],
  source: WeightSource,
  only: (name: string) => boolean,
  tolerate: (name: string) => boolean,
): string[] {
  const present = new Set(source.names)
  const missing = wanted.filter(({ name }) => !present.has(name)).map(({ name }) => name)
  const unknown = source.names.filter((name) => !model.parameters.has(name) && only(name))
  const extra = unknown.filter((name) => !tolerate(name))
  const misshapen = wanted.flatMap(({ name, declaration }) => {
    if (!present.has(name)) return []
    const got = source.header(name).shape.join('x')
    const want = declaration.shape.join('x')
    return got === want ? [] : [`${name} is ${got}, not ${want}`]
  })
  if (missing.length + extra.length + misshapen.length > 0) {
    throw new WeightsError(source.path, { missing, extra, misshapen })
  }
  return unknown.filter(tolerate)
}

/** Random parameters as the model's publication starts them; the same for a seed on every adapter. */
export function initializeWeights(model: ParameterScope, seed: number, options: Pick<LoadOptions, 'only'> = {}): void {
  const generator = new Generator(seed)
  for (const parameter of model.parameters.values()) {
    if (options.only && !options.only(parameter.name)) continue
    parameter.set(makeParameter(model, parameter, () => draw(model, parameter, generator)))
  }
}

function draw(model: ParameterScope, { declaration }: Parameter, generator: Generator): Tensor {
  const { device } = model
  const { shape, initial } = declaration
  switch (initial.kind) {
    case 'constant':
      return initial.value === 0 ? zeros(device, shape) : full(device, shape, initial.value)
    case 'normal':
      return randomNormal(device, shape, { generator, std: initial.std })
    case 'truncatedNormal':
      // Bounds are given in deviations.
      return truncatedNormal(device, shape, {
        generator,
        std: initial.std,
        low: -2 / initial.std,
        high: 2 / initial.std,
      })
    case 'uniform':
      return randomUniform(device, shape, { generator, low: -initial.bound, high: initial.bound })
  }
}

/** A parameter in our layout and storage type, outside every scope. */
function makeParameter(model: ParameterScope, { declaration }: Parameter, make: () => Tensor): Tensor {
  const dtype: DType = model.dtype
  const value = scope(() => {
    const made = make()
    const laid = declaration.axes ? permute(made, declaration.axes) : made
    return cast(laid, dtype)
  })
  return keep(value.setRequiresGrad(declaration.trainable ?? true))
}

/** Fills the parameters of a model: from a checkpoint, or with seeded random numbers. */
import { type DType, full, Generator, keep, scope, type Tensor, tensor, VoxgradError, zeros } from '../engine/index.js'
import { cast } from '../kernels/elementwise/index.js'
import { permute } from '../kernels/layout/index.js'
import { randomNormal, randomUniform, truncatedNormal } from '../kernels/random/index.js'
import type { Parameter, ParameterScope } from './layers/parameter.js'

/** Where tensors come from: what `openWeights` of the data layer opens, or anything alike. */
export interface WeightSource {
  /** Shown in messages. */
  readonly path: string
  readonly names: readonly string[]
  header(name: string): { readonly shape: readonly number[]; readonly dtype: string }
  /** Values as float32, in C order. */
  readFloat32(name: string): Promise<Float32Array>
}

export interface LoadOptions {
  /** Only parameters whose names it accepts; others are neither loaded nor missed. */
  readonly only?: ((name: string) => boolean) | undefined
  /** Names in the file that are no parameters and mean no harm. */
  readonly tolerate?: ((name: string) => boolean) | undefined
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
 * Loads every parameter, tensor by tensor, so that the host never holds more than one. Checks all names and shapes
 * first and throws one {@link WeightsError} about everything that does not fit.
 */
export async function loadWeights(
  model: ParameterScope,
  source: WeightSource,
  options: LoadOptions = {},
): Promise<void> {
  const { only = () => true, tolerate = () => false } = options
  const wanted = [...model.parameters.values()].filter(({ name }) => only(name))
  checkWeights(model, wanted, source, only, tolerate)
  for (const parameter of wanted) {
    const values = await source.readFloat32(parameter.name)
    parameter.set(makeParameter(model, parameter, () => tensor(model.device, values, parameter.declaration.shape)))
  }
}

function checkWeights(
  model: ParameterScope,
  wanted: readonly Parameter[],
  source: WeightSource,
  only: (name: string) => boolean,
  tolerate: (name: string) => boolean,
): void {
  const present = new Set(source.names)
  const missing = wanted.filter(({ name }) => !present.has(name)).map(({ name }) => name)
  const extra = source.names.filter((name) => !model.parameters.has(name) && only(name) && !tolerate(name))
  const misshapen = wanted.flatMap(({ name, declaration }) => {
    if (!present.has(name)) return []
    const got = source.header(name).shape.join('x')
    const want = declaration.shape.join('x')
    return got === want ? [] : [`${name} is ${got}, not ${want}`]
  })
  if (missing.length + extra.length + misshapen.length > 0) {
    throw new WeightsError(source.path, { missing, extra, misshapen })
  }
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

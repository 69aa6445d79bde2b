/**
 * The parameters of a model: declared by its layers under the names and shapes of the published checkpoint, so that a
 * state dict can be checked as a whole before anything is uploaded.
 */
import type { Device, DType, Shape, Tensor } from '../../engine/index.js'
import { VoxgradError } from '../../engine/index.js'

/** How a parameter starts when there are no weights. */
export type Initializer =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'normal'; readonly std: number }
  /** Normal, redrawn beyond two units (not two deviations), as timm's default. */
  | { readonly kind: 'truncatedNormal'; readonly std: number }
  | { readonly kind: 'uniform'; readonly bound: number }

export interface ParameterDeclaration {
  /** Shape in the checkpoint, PyTorch's layout. */
  readonly shape: Shape
  /** Axes of the checkpoint's tensor in the order of ours, where the layouts differ (convolutions). */
  readonly axes?: readonly number[]
  readonly initial: Initializer
  /** Buffers are stored in checkpoints and not trained. */
  readonly trainable?: boolean
}

/** A named slot for a tensor. */
export class Parameter {
  readonly name: string
  readonly declaration: ParameterDeclaration
  #value: Tensor | undefined

  constructor(name: string, declaration: ParameterDeclaration) {
    this.name = name
    this.declaration = declaration
  }

  /** The tensor in our layout. Throws until weights were loaded or initialised. */
  get value(): Tensor {
    if (this.#value) return this.#value
    throw new VoxgradError(`parameter ${this.name} has no value yet: load weights or initialise the model first`)
  }

  get loaded(): boolean {
    return this.#value !== undefined
  }

  /** Our layout's shape. */
  get shape(): Shape {
    const { shape, axes } = this.declaration
    return axes ? axes.map((axis) => shape[axis]!) : shape
  }

  set(value: Tensor): void {
    this.#value?.dispose()
    this.#value = value
  }

  dispose(): void {
    this.#value?.dispose()
    this.#value = undefined
  }
}

/** Declares parameters below a name prefix. */
export class ParameterScope {
  /** Storage of the parameters. */
  readonly dtype: DType
  readonly #device: Device | undefined
  readonly #prefix: string
  readonly #parameters: Map<string, Parameter>

  /** Without a device names and shapes can be declared and looked at, and no values made. */
  constructor(
    device: Device | undefined,
    dtype: DType = 'f32',
    prefix = '',
    parameters = new Map<string, Parameter>(),
  ) {
    this.#device = device
    this.dtype = dtype
    this.#prefix = prefix
    this.#parameters = parameters
  }

  get device(): Device {
    if (this.#device) return this.#device
    throw new VoxgradError('these parameters were declared without a device, to look at their names and shapes only')
  }

  /** The full name of something of this scope. */
  pathOf(name: string): string {
    return this.#prefix + name
  }

  /** Every parameter declared so far, here and below, by name. */
  get parameters(): ReadonlyMap<string, Parameter> {
    return this.#parameters
  }

  /** A scope for `prefix.name`. */
  at(name: string | number): ParameterScope {
    return new ParameterScope(this.#device, this.dtype, `${this.#prefix}${name}.`, this.#parameters)
  }

  declare(name: string, declaration: ParameterDeclaration): Parameter {
    const parameter = new Parameter(this.#prefix + name, declaration)
    if (this.#parameters.has(parameter.name)) throw new VoxgradError(`parameter ${parameter.name} is declared twice`)
    this.#parameters.set(parameter.name, parameter)
    return parameter
  }
}

export const zerosInit: Initializer = { kind: 'constant', value: 0 }
export const onesInit: Initializer = { kind: 'constant', value: 1 }

/** PyTorch's default for linear layers and convolutions: uniform in ±1/sqrt(fan in). */
export const fanInUniform = (fanIn: number): Initializer => ({ kind: 'uniform', bound: 1 / Math.sqrt(fanIn) })

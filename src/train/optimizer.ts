import { DTypeError, keep, ShapeError, type Tensor, ValueError, zeros } from '../engine/index.js'

/** Parameters that share settings. */
export interface ParameterGroup {
  readonly parameters: readonly Tensor[]
  /** Instead of the optimizer's own, as in 0 for biases and norms. */
  readonly weightDecay?: number | undefined
  /** Multiplies the optimizer's learning rate; default 1. */
  readonly lrScale?: number | undefined
}

/** A list of f32 leaf tensors, or several with settings of their own. */
export type ParameterGroups = readonly Tensor[] | readonly ParameterGroup[]

/** What an optimizer knows of one parameter. */
export interface ParameterState<Values = Tensor> {
  /** Steps this parameter took: it takes none while it has no gradient. */
  readonly steps: number
  /** Running averages by name; empty before the first step. */
  readonly slots: Readonly<Record<string, Values>>
}

/** All that a checkpoint must store beside the parameters, in their order. */
export interface OptimizerState<Values = Tensor> {
  readonly lr: number
  readonly parameters: readonly ParameterState<Values>[]
}

/** One parameter with its settings and state. */
export interface OptimizedParameter {
  readonly parameter: Tensor
  readonly weightDecay: number
  readonly lrScale: number
  steps: number
  slots: Record<string, Tensor>
}

/** What all optimizers share: parameters, their gradients and their running averages. */
export abstract class Optimizer {
  protected readonly entries: readonly OptimizedParameter[]
  readonly #slotNames: readonly string[]
  #lr: number

  constructor(name: string, groups: ParameterGroups, lr: number, weightDecay: number, slotNames: readonly string[]) {
    this.entries = entriesOf(name, groups, weightDecay)
    this.#slotNames = slotNames
    this.#lr = checkNumber(name, 'learning rate', lr)
  }

  /** The learning rate of the next step. */
  get lr(): number {
    return this.#lr
  }

  set lr(value: number) {
    this.#lr = checkNumber('optimizer', 'learning rate', value)
  }

  get parameters(): readonly Tensor[] {
    return this.entries.map(({ parameter }) => parameter)
  }

  /**
   * Updates, in place, every parameter that has a gradient, which counts `gradientScale` times: what clipping and loss
   * scaling ask for. Default 1.
   */
  step(gradientScale = 1): void {
    const due = this.entries.flatMap((entry) => (entry.parameter.grad ? [entry] : []))
    for (const entry of due) {
      if (entry.steps === 0) entry.slots = this.#newSlots(entry.parameter)
      entry.steps++
    }
    this.update(due, gradientScale)
  }

  /** Updates parameters, all of which have a gradient, their slots, and this step counted in. */
  protected abstract update(entries: readonly OptimizedParameter[], gradientScale: number): void

  /** Frees all gradients. */
  zeroGrad(): void {
    for (const { parameter } of this.entries) {
      parameter.grad?.dispose()
      parameter.grad = undefined
    }
  }

  /** The live state: read the tensors' data to store them, and give them back to {@link restore}. */
  get state(): OptimizerState {
    return { lr: this.#lr, parameters: this.entries.map(({ steps, slots }) => ({ steps, slots: { ...slots } })) }
  }

  /**
   * Continues from a stored state.
   *
   * @throws ShapeError when the state is of other parameters.
   */
  restore(state: OptimizerState<ArrayLike<number>>): void {
    if (state.parameters.length !== this.entries.length) {
      throw new ShapeError(
        `optimizer: the state is of ${state.parameters.length} parameters, there are ${this.entries.length}`,
      )
    }
    this.lr = state.lr
    for (const [i, entry] of this.entries.entries()) {
      const { steps, slots } = state.parameters[i]!
      disposeSlots(entry)
      entry.steps = steps
      if (steps === 0) continue
      entry.slots = this.#newSlots(entry.parameter)
      for (const name of this.#slotNames) {
        const values = slots[name]
        if (!values) throw new ValueError(`optimizer: the state of parameter ${i} has no "${name}"`)
        entry.slots[name]!.write(values)
      }
    }
  }

  /** Frees the running averages; parameters and gradients stay. */
  dispose(): void {
    for (const entry of this.entries) disposeSlots(entry)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** Zeros that outlive every scope. */
  #newSlots(parameter: Tensor): Record<string, Tensor> {
    return Object.fromEntries(this.#slotNames.map((name) => [name, keep(zeros(parameter.device, parameter.shape))]))
  }
}

function disposeSlots(entry: OptimizedParameter): void {
  for (const slot of Object.values(entry.slots)) slot.dispose()
  entry.slots = {}
  entry.steps = 0
}

const isGroup = (item: Tensor | ParameterGroup): item is ParameterGroup => 'parameters' in item

function entriesOf(name: string, groups: ParameterGroups, weightDecay: number): OptimizedParameter[] {
  const list = groups.map((item): ParameterGroup => (isGroup(item) ? item : { parameters: [item] }))
  const seen = new Set<Tensor>()
  return list.flatMap((group) => {
    const own = checkNumber(name, 'weight decay', group.weightDecay ?? weightDecay)
    const lrScale = checkNumber(name, 'learning rate scale', group.lrScale ?? 1)
    return group.parameters.map((parameter) => {
      if (parameter.dtype !== 'f32') throw new DTypeError(`${name}: parameters must be f32, got ${parameter}`)
      if (seen.has(parameter)) throw new ValueError(`${name}: ${parameter} is listed twice`)
      seen.add(parameter)
      return { parameter, weightDecay: own, lrScale, steps: 0, slots: {} }
    })
  })
}

/** Checks a setting that must be finite and not negative. */
export function checkNumber(name: string, what: string, value: number): number {
  if (Number.isFinite(value) && value >= 0) return value
  throw new ValueError(`${name}: the ${what} must be finite and not negative, got ${value}`)
}

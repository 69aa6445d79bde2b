/** Which parameters learn, with which settings, and the f32 values of those that are stored as f16. */
import { matchesAny } from '../../data/index.js'
import { keep, type Tensor, ValueError } from '../../engine/index.js'
import { cast } from '../../kernels/elementwise/index.js'
import type { Parameter } from '../../models/index.js'
import { nearest } from '../config/nearest.js'
import type { TrainOptions } from '../config/schema.js'
import type { ParameterGroup } from '../optimizer.js'

/** A parameter that learns. */
export interface TrainedParameter {
  readonly name: string
  readonly parameter: Parameter
  /** What the optimizer updates: the parameter's own tensor, or an f32 copy of an f16 one. */
  readonly master: Tensor
  readonly weightDecay: number | undefined
  readonly lrScale: number | undefined
}

export type SelectionOptions = Pick<TrainOptions, 'freeze' | 'groups' | 'decayVectors'>

/**
 * The parameters of a task that are neither buffers nor frozen. Frozen ones are cut off from the tape.
 *
 * Throws ValueError for a glob that matches no parameter, with names that are like it, and when nothing is left to learn.
 */
export class TrainedParameters {
  readonly entries: readonly TrainedParameter[]

  constructor(parameters: ReadonlyMap<string, Parameter>, options: SelectionOptions) {
    const { freeze, groups, decayVectors } = options
    const trainable = [...parameters].filter(([, { declaration }]) => declaration.trainable ?? true)
    const names = trainable.map(([name]) => name)
    checkGlobs('train.freeze', freeze, names)
    for (const [n, { match }] of groups.entries()) checkGlobs(`train.groups.${n}.match`, match, names)
    this.entries = trainable.flatMap(([name, parameter]): TrainedParameter[] => {
      const frozen = matchesAny(freeze, name)
      parameter.value.setRequiresGrad(!frozen)
      if (frozen) return []
      const own = groups.filter(({ match }) => matchesAny(match, name))
      const last = <Value>(values: readonly (Value | undefined)[]) => values.findLast((value) => value !== undefined)
      return [
        {
          ...{ name, parameter, master: masterOf(parameter) },
          weightDecay: last([
            parameter.shape.length <= 1 && !decayVectors ? 0 : undefined,
            ...own.map((g) => g.weightDecay),
          ]),
          lrScale: last(own.map((group) => group.lrScale)),
        },
      ]
    })
    if (this.entries.length === 0) {
      throw new ValueError(`train.freeze: ${freeze.join(', ')} leaves none of ${names.length} parameters to learn`)
    }
  }

  /** For an optimizer, in the order of the entries. */
  get groups(): ParameterGroup[] {
    return this.entries.map(({ master, weightDecay, lrScale }) => ({ parameters: [master], weightDecay, lrScale }))
  }

  get masters(): Tensor[] {
    return this.entries.map(({ master }) => master)
  }

  /** Numbers that learn. */
  get elements(): number {
    return this.entries.reduce((sum, { master }) => sum + master.size, 0)
  }

  /** Hands the gradients of f16 parameters, which are f32, to what the optimizer updates. */
  takeGradients(): void {
    for (const { parameter, master } of this.entries) {
      const leaf = parameter.value
      if (leaf === master) continue
      master.grad = leaf.grad
      leaf.grad = undefined
    }
  }

  /** Rounds the updated values of f16 parameters into the model. */
  publish(): void {
    for (const { parameter, master } of this.entries) {
      if (parameter.value !== master) parameter.set(keep(cast(master, parameter.value.dtype)).setRequiresGrad())
    }
  }

  /** Frees the copies; the model's own tensors stay. */
  dispose(): void {
    for (const { parameter, master } of this.entries) if (parameter.value !== master) master.dispose()
  }
}

function masterOf({ value }: Parameter): Tensor {
  if (value.dtype === 'f32') return value
  // Off the tape: the copy is a leaf of its own.
  const leaf = value.detach()
  const master = keep(cast(leaf, 'f32'))
  leaf.dispose()
  return master
}

function checkGlobs(path: string, globs: readonly string[], names: readonly string[]): void {
  for (const glob of globs) {
    if (names.some((name) => matchesAny([glob], name))) continue
    const near = nearest(glob.replaceAll('*', ''), names, { similar: false })
    throw new ValueError(
      `${path}: '${glob}' matches none of the ${names.length} parameters. Near it: ${near.join(', ')}`,
    )
  }
}

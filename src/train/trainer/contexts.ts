/** What a task is told of where training is, the same whenever the same part of a step is computed. */
import { Generator } from '../../engine/index.js'
import { philox4x32 } from '../../numeric/philox.js'
import type { Collective } from '../parallel/collective.js'
import type { StepContext } from '../task.js'

export interface StepPlace {
  readonly step: number
  readonly epoch: number
  /** Of the run. */
  readonly seed: number
  readonly collective: Collective
  readonly signal?: AbortSignal | undefined
}

/** The second key word of the trainer's own draws, so that no stream of a seed is met twice. */
const purpose = 0x747261

/** The context of a micro-batch. Every call begins its random stream anew. */
export function contextOf({ step, epoch, seed, collective, signal }: StepPlace, part: number): StepContext {
  const own = philox4x32([step, collective.rank, part, 0], [seed, purpose])[0]
  return { step, epoch, seed: own, generator: new Generator(own), collective, signal }
}

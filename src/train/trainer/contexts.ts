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
  /** Samples of a step, of each process. */
  readonly batchSize: number
  readonly collective: Collective
  readonly signal?: AbortSignal | undefined
}

/** The second key word of the trainer's own draws, so that no stream of a seed is met twice. */
const purpose = 0x747261

/** The context of a micro-batch, of which this rank has `first` samples before it. Every call begins its random stream anew. */
export function contextOf(place: StepPlace, part: number, first: number): StepContext {
  const { step, epoch, seed, collective, signal, batchSize } = place
  const seedOf = (rank: number, of: number) => philox4x32([step, rank, of, 0], [seed, purpose])[0]
  const own = seedOf(collective.rank, part)
  return {
    ...{ step, epoch, seed: own, stepSeed: seedOf(0, 0), firstSample: collective.rank * batchSize + first },
    ...{ generator: new Generator(own), collective, signal },
  }
}

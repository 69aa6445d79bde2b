/** What each model launches, for the tuner. */
import type { Workload } from '../engine/index.js'
import { colipriWorkloads } from './colipri/workloads.js'
import { fvlmWorkloads } from './fvlm/workloads.js'

export interface ModelWorkloads {
  readonly model: string
  /** With parameters and activations stored as `dtype`. */
  workloads(dtype: 'f32' | 'f16'): Workload[]
}

export const modelWorkloads: readonly ModelWorkloads[] = [
  { model: 'colipri', workloads: colipriWorkloads },
  { model: 'fvlm', workloads: fvlmWorkloads },
]

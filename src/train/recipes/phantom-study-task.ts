/** Runs in loader threads: makes a phantom from its seed and brings it to a network's grid. */

import { type PreprocessStep, preprocess } from '../../data/index.js'
import type { TaskContext } from '../../data/loader/index.js'
import type { PhantomStudyOptions } from '../../data/phantom/index.js'
import { keptPhantom } from './phantom-store.js'
import type { StudySample } from './study-data.js'

export interface PhantomTaskData {
  readonly options: PhantomStudyOptions
  /** Where phantoms are kept; undefined makes them every time. */
  readonly folder: string | undefined
  readonly steps: readonly PreprocessStep[]
}

export const phantomName = (seed: number): string => `phantom ${seed}`

export async function load(
  seed: number,
  { data: { options, folder, steps } }: TaskContext<PhantomTaskData>,
): Promise<StudySample> {
  const study = await keptPhantom(seed, options, folder)
  const { data, shape } = preprocess(study.volume, steps)
  const { findings, impression } = study.report
  return {
    ...{ study: phantomName(seed), patient: phantomName(seed), image: data as Float32Array, shape },
    report: { findings, impression, text: `${findings}\n${impression}` },
    labels: study.labels,
  }
}

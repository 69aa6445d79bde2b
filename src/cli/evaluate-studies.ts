/** Which studies of a data set are evaluated. */
import { ctRateEvaluationStudies, DataError, type Dataset, type Study } from '../data/index.js'
import type { promptStyles } from '../inference/index.js'
import type { ProbePooling } from '../train/index.js'
import type { RunArguments } from './scan-run.js'

export const evaluationDatasets = ['ct-rate', 'rad-chestct'] as const

export type EvaluationDataset = (typeof evaluationDatasets)[number]

export type Protocol = 'zeroshot' | 'retrieval' | 'probe'

export interface EvaluateArguments extends RunArguments {
  readonly dataset: EvaluationDataset
  readonly prompts: (typeof promptStyles)[number]
  readonly replicates: number
  readonly seed: number
  /** Of the probe. */
  readonly steps: number
  readonly pooling: ProbePooling | 'all'
}

/** What a protocol gets to work with. */
export interface EvaluationContext {
  readonly options: EvaluateArguments
  readonly dataset: Dataset
  /** The study of a result. */
  studyOf(scan: string): Study
}

/**
 * Of CT-RATE the validation split, for the probe the training split too, one reconstruction per study and without repeated
 * reports; of RAD-ChestCT everything.
 * Studies without what a protocol needs are left out and counted on the standard error. Throws a DataError when none is
 * left.
 */
export async function evaluationStudies(
  dataset: Dataset,
  name: EvaluationDataset,
  protocol: Protocol,
): Promise<Study[]> {
  const ofSplit = (split: Study['split']) =>
    ctRateEvaluationStudies({ ...dataset, studies: dataset.studies.filter((study) => study.split === split) })
  const trains = protocol === 'probe' ? ofSplit : () => []
  const chosen = name === 'ct-rate' ? [...trains('train'), ...ofSplit('validation')] : dataset.studies
  const needs = protocol === 'retrieval' ? 'report' : 'labels'
  const usable = chosen.filter((study) => study[needs] !== undefined)
  if (usable.length < chosen.length) {
    console.error(
      `voxgrad: ${chosen.length - usable.length} of ${chosen.length} studies have no ${needs} and are left out`,
    )
  }
  if (usable.length > 0) return usable
  throw new DataError(`has no study with ${needs} to evaluate`, {
    path: dataset.folder,
    remedy: name === 'ct-rate' ? 'The validation split is evaluated: valid_fixed with its tables' : 'Check its tables',
  })
}

/** Runs in loader threads: a phantom with its mask and captions, for fVLM. */
import type { TaskContext } from '../../data/loader/index.js'
import { type PhantomStudyOptions, phantomStudy } from '../../data/phantom/index.js'
import type { OrganSample, OrganTaskData } from './organ-data.js'
import { phantomName } from './phantom-study-task.js'
import { prepareOrgans } from './prepare-organs.js'

export interface PhantomOrganTaskData extends OrganTaskData {
  readonly options: PhantomStudyOptions
}

export function load(seed: number, context: TaskContext<PhantomOrganTaskData>): OrganSample {
  const { volume, masks, captions, labels } = phantomStudy(seed, context.data.options)
  return {
    ...prepareOrgans(volume, masks, context),
    ...{ study: phantomName(seed), findings: labels },
    captions: Object.fromEntries(Object.entries(captions).map(([anatomy, { caption }]) => [anatomy, caption])),
  }
}

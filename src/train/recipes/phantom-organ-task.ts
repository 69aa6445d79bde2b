/** Runs in loader threads: a phantom with its mask and captions, for fVLM. */
import type { TaskContext } from '../../data/loader/index.js'
import type { PhantomStudyOptions } from '../../data/phantom/index.js'
import type { OrganSample, OrganTaskData } from './organ-data.js'
import { keptPhantom } from './phantom-store.js'
import { phantomName } from './phantom-study-task.js'
import { prepareOrgans } from './prepare-organs.js'

export interface PhantomOrganTaskData extends OrganTaskData {
  readonly options: PhantomStudyOptions
  /** Where phantoms are kept; undefined makes them every time. */
  readonly folder: string | undefined
}

export async function load(seed: number, context: TaskContext<PhantomOrganTaskData>): Promise<OrganSample> {
  const { options, folder } = context.data
  const { volume, masks, captions, labels } = await keptPhantom(seed, options, folder)
  return {
    ...prepareOrgans(volume, masks, context),
    ...{ study: phantomName(seed), findings: labels },
    captions: Object.fromEntries(Object.entries(captions).map(([anatomy, { caption }]) => [anatomy, caption])),
  }
}

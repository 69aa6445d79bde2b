/** Runs in loader threads: a scan and its mask from files, for fVLM. */
import { readImage } from '../../data/index.js'
import type { TaskContext } from '../../data/loader/index.js'
import type { OrganItem, OrganSample, OrganTaskData } from './organ-data.js'
import { prepareOrgans } from './prepare-organs.js'

export async function load(
  { study, source, mask, captions, findings }: OrganItem,
  context: TaskContext<OrganTaskData>,
): Promise<OrganSample> {
  const prepared = prepareOrgans(await readImage(source), await readImage(mask), context)
  return { ...prepared, study, captions, findings }
}

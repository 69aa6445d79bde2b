/** Runs in loader threads: a scan and its mask on fVLM's grid, cropped and flipped for training. */
import { cropAndFlip, drawCrop, type PreparedFvlmScan, prepareFvlmScan, type Volume } from '../../data/index.js'
import type { TaskContext } from '../../data/loader/index.js'
import { RandomStream } from '../../data/random.js'
import type { OrganTaskData } from './organ-data.js'

export function prepareOrgans(
  scan: Volume,
  mask: Volume,
  { data, seed, epoch, index }: TaskContext<OrganTaskData>,
): PreparedFvlmScan {
  const { anatomies, mapping, preprocessing, crop, flipProbability } = data
  const prepared = prepareFvlmScan(scan, mask, { anatomies, mapping, preprocessing })
  if (!crop) return prepared
  // Every pass over the items has a range of streams of its own.
  const random = new RandomStream(seed + epoch * 2 ** 32, index)
  const options = { extents: crop, flipProbability }
  return cropAndFlip(prepared, drawCrop(prepared, random, options), crop)
}

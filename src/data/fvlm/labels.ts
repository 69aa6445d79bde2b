/** From the label map of a segmentation tool to one with anatomy numbers. */
import { DataError } from '../errors.js'
import { contiguous, type Volume, volumeName } from '../volume.js'
import type { LabelMapping } from './anatomies.js'

/**
 * A uint8 label map with i + 1 for the labels of the i-th anatomy and 0 for all others. Throws a DataError for anatomies
 * without a mapping, for more than 255, and for a map without any of the labels.
 */
export function mergeLabels(labels: Volume, anatomies: readonly string[], mapping: LabelMapping): Volume {
  const path = volumeName(labels)
  requireMapping(mapping, anatomies, path)
  if (anatomies.length > 255)
    throw new DataError(`${anatomies.length} anatomies do not fit a uint8 label map`, { path })
  const numbers = new Map<number, number>()
  for (const [i, anatomy] of anatomies.entries()) for (const label of mapping[anatomy]!) numbers.set(label, i + 1)
  const source = contiguous(labels)
  const data = new Uint8Array(source.data.length)
  let found = false
  for (let n = 0; n < data.length; n++) {
    const value = source.data[n]!
    if (value === 0) continue
    if (!Number.isInteger(value)) {
      throw new DataError(`is no label map: it holds the value ${value}`, { path })
    }
    const number = numbers.get(value) ?? 0
    data[n] = number
    found ||= number !== 0
  }
  if (!found) throw new NoAnatomyError(anatomies, path)
  return { ...source, data }
}

/** Throws a DataError that begins with `path` for a mapping that lacks an anatomy. */
export function requireMapping(mapping: LabelMapping, anatomies: readonly string[], path: string): void {
  const unknown = anatomies.filter((anatomy) => !Object.hasOwn(mapping, anatomy))
  if (unknown.length === 0) return
  throw new DataError(`there are no label numbers for ${unknown.join(', ')}`, {
    path,
    remedy: 'Give a mapping of every anatomy, with an empty list for those that the tool does not find',
  })
}

/** A mask that shows none of the model's anatomies; the published pipeline skips such scans. */
export class NoAnatomyError extends DataError {
  constructor(anatomies: readonly string[], path: string) {
    super(`no voxel belongs to ${anatomies.join(', ')}`, {
      path,
      remedy: "Is it TotalSegmentator's task 'total', version 2? Give a mapping for other label maps",
    })
  }
}

/** What to say when there is no mask at all. */
export function missingMask(path: string): DataError {
  return new DataError('fVLM needs a mask of the anatomies beside the scan', {
    path,
    remedy:
      "Make one with TotalSegmentator, task 'total' (TotalSegmentator -i scan.nii.gz -o seg.nii.gz --ml) and give it as the " +
      'mask (--mask seg.nii.gz), or give any label map with a mapping file of its numbers (--mapping organs.json) such as ' +
      '{"lung": [1], "heart": [2], "esophagus": [3], "aorta": [4]}',
  })
}

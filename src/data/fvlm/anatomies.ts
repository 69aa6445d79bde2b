/** Anatomies that fVLM models know, and the numbers that segmentation tools give them. */
import { z } from 'zod'
import { DataError } from '../errors.js'
import { parseJson } from './json.js'

/** For each anatomy, the numbers of a label map that belong to it. */
export type LabelMapping = Readonly<Record<string, readonly number[]>>

/** TotalSegmentator's task `total`, version 2, for the released model. The atrial appendage (61) belongs to the heart. */
export const totalSegmentatorLabels: LabelMapping = {
  lung: [10, 11, 12, 13, 14],
  heart: [51, 61],
  esophagus: [15],
  aorta: [52],
}

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, n) => first + n)

export interface AnatomyGroup {
  readonly anatomy: string
  /** Numbers of TotalSegmentator's task `total`, version 1 (104 classes). */
  readonly version1: readonly number[]
  /** The same of version 2; empty where its task `total` has no such class. */
  readonly version2: readonly number[]
}

const group = (anatomy: string, version1: readonly number[], version2: readonly number[]): AnatomyGroup => ({
  anatomy,
  version1,
  version2,
})

/** The 36 anatomies of the successor of fVLM (RADAR), in its order: for models trained on more than the released one. */
export const anatomyGroups: readonly AnatomyGroup[] = [
  group('adrenal gland', [11, 12], [8, 9]),
  group('aorta', [7], [52]),
  group('erector spinae', [100, 101], [86, 87]),
  group('brain', [50], [90]),
  group('clavicle', [86, 87], [73, 74]),
  group('large bowel', [57], [20]),
  group('duodenum', [56], [19]),
  group('esophagus', [42], [15]),
  group('face', [93], []),
  group('femur', [88, 89], [75, 76]),
  group('gallbladder', [4], [4]),
  group('gluteus', range(94, 99), range(80, 85)),
  group('heart', range(44, 48), [51, 61]),
  group('hip', [90, 91], [77, 78]),
  group('humerus', [82, 83], [69, 70]),
  group('iliac artery', [51, 52], [65, 66]),
  group('iliac vein', [53, 54], [67, 68]),
  group('iliopsoas', [102, 103], [88, 89]),
  group('inferior vena cava', [8], [63]),
  group('kidney', [2, 3], [2, 3]),
  group('liver', [5], [5]),
  group('lung', range(13, 17), range(10, 14)),
  group('pancreas', [10], [7]),
  group('portal and splenic vein', [9], [64]),
  group('pulmonary artery', [49], []),
  group('rib', range(58, 81), range(92, 115)),
  group('sacrum', [92], [25]),
  group('scapula', [84, 85], [71, 72]),
  group('small bowel', [55], [18]),
  group('spleen', [1], [1]),
  group('stomach', [6], [6]),
  group('trachea', [43], [16]),
  group('bladder', [104], [21]),
  group('cervical vertebrae', range(35, 41), range(44, 50)),
  group('lumbar vertebrae', range(18, 22), range(27, 31)),
  group('thoracic vertebrae', range(23, 34), range(32, 43)),
]

/** The mapping of {@link anatomyGroups} for one version; anatomies without a class there are left out. */
export function groupedLabels(version: 1 | 2): LabelMapping {
  const labels = ({ version1, version2 }: AnatomyGroup) => (version === 1 ? version1 : version2)
  return Object.fromEntries(
    anatomyGroups.filter((entry) => labels(entry).length > 0).map((entry) => [entry.anatomy, labels(entry)]),
  )
}

/**
 * Where the anatomies of any model are in a mask by TotalSegmentator's task `total`, version 2: the four of the released
 * model as it has them, the other groups as {@link groupedLabels}.
 */
export const anatomyLabels: LabelMapping = { ...groupedLabels(2), ...totalSegmentatorLabels }

const mappingSchema = z.record(z.string().min(1), z.array(z.number().int().positive()))

/**
 * Reads a mapping from JSON such as `{"lung": [1, 2], "heart": [3]}`, for label maps of any tool. Throws a DataError for
 * anything else, and for a number that two anatomies claim.
 */
export function parseLabelMapping(text: string, path = 'label mapping'): LabelMapping {
  const parsed = mappingSchema.safeParse(parseJson(text, path))
  if (!parsed.success) {
    throw new DataError('is no mapping of anatomies to lists of label numbers', {
      path,
      remedy: 'Write {"lung": [10, 11], "heart": [51]}',
    })
  }
  const owners = new Map<number, string>()
  for (const [anatomy, labels] of Object.entries(parsed.data)) {
    for (const label of labels) {
      const owner = owners.get(label)
      if (owner !== undefined) throw new DataError(`label ${label} is of '${owner}' and of '${anatomy}'`, { path })
      owners.set(label, anatomy)
    }
  }
  return parsed.data
}

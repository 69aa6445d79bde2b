import type { ImageFacts } from './inspect-image.js'
import type { Study } from './study.js'

/** Studies that share something they should not. */
export interface Overlap {
  readonly kind: 'leak-patient' | 'leak-text' | 'leak-volume' | 'duplicate-text' | 'duplicate-volume'
  /** Studies, or images for volumes. */
  readonly names: readonly string[]
  readonly message: string
}

/** A text as it counts for comparison: case and white space do not. */
const normalized = (text: string): string => text.toLowerCase().replace(/\s+/g, ' ').trim()

/**
 * Patients in several splits, and equal texts and equal volumes of different studies: a leak across splits, a duplicate
 * within one. Studies without a split make duplicates only.
 */
export function findOverlaps(studies: readonly Study[], images: readonly ImageFacts[]): Overlap[] {
  const byPatient = groupBy(studies, ({ patient }) => patient)
  const leaks = byPatient.flatMap(([patient, own]): Overlap[] => {
    const within = splitsOf(own)
    if (within.length < 2) return []
    const message = `patient ${patient} is in ${within.join(' and ')}`
    return [{ kind: 'leak-patient', names: own.map(({ id }) => id), message }]
  })
  const withText = studies.filter(({ report }) => report !== undefined)
  const texts = groupBy(withText, ({ report }) => normalized(report!.text)).flatMap(([, own]): Overlap[] => {
    // Studies of one patient under several names (a case in two splits) are the patient's leak.
    if (new Set(own.map(({ patient }) => patient)).size < 2) return []
    const within = splitsOf(own)
    const where = within.length > 1 ? `in ${within.join(' and ')}` : 'of different patients'
    return [
      {
        kind: within.length > 1 ? 'leak-text' : 'duplicate-text',
        names: own.map(({ id }) => id),
        message: `${own.length} studies ${where} have the same report`,
      },
    ]
  })
  const byId = new Map(studies.map((study) => [study.id, study]))
  const volumes = groupBy(images, ({ sha256 }) => sha256).flatMap(([, own]): Overlap[] => {
    if (own.length < 2) return []
    const within = splitsOf(own.map(({ study }) => byId.get(study)!))
    const where = within.length > 1 ? ` in ${within.join(' and ')}` : ''
    return [
      {
        kind: within.length > 1 ? 'leak-volume' : 'duplicate-volume',
        names: own.map(({ name }) => name),
        message: `${own.length} images${where} hold the same voxels`,
      },
    ]
  })
  return [...leaks, ...texts, ...volumes]
}

function splitsOf(studies: readonly Study[]): string[] {
  return [...new Set(studies.flatMap(({ split }) => (split ? [split] : [])))]
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): [string, Item[]][] {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group) group.push(item)
    else groups.set(keyOf(item), [item])
  }
  return [...groups]
}

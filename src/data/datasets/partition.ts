import { philox4x32 } from '../../numeric/philox.js'
import { DataError } from '../errors.js'
import { type Split, type Study, splits } from './study.js'

export interface PartitionOptions {
  readonly seed: number
  /** Parts of the patients, adding up to 1. Default 0.8, 0.1 and 0.1. */
  readonly fractions?: Readonly<Record<Split, number>>
  /**
   * What else must not be divided, such as a hash of the report: studies that share any of these stay together, with all
   * studies of their patients.
   */
  readonly keepTogether?: (study: Study) => readonly string[]
}

/**
 * Gives every study a split so that no patient is in two. Groups of patients are ordered by a hash of their names and the
 * seed and cut where the fractions say (by the number of patients), so that the same data and seed give the same splits on
 * every machine, in whatever order the studies come. Throws a DataError for fractions or a seed that make no sense.
 */
export function partitionByPatient(studies: readonly Study[], options: PartitionOptions): Study[] {
  const { seed, fractions = { train: 0.8, validation: 0.1, test: 0.1 }, keepTogether = () => [] } = options
  const total = splits.reduce((sum, split) => sum + fractions[split], 0)
  if (!splits.every((split) => fractions[split] >= 0) || Math.abs(total - 1) > 1e-9) {
    throw new DataError(`fractions ${splits.map((split) => fractions[split]).join(', ')} do not add up to 1`)
  }
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
    throw new DataError(`seed ${seed} is not a whole number from 0 to 4294967295`)
  }
  const groups = groupPatients(studies, keepTogether)
  const ordered = [...groups.values()]
    .map((patients) => patients.sort())
    .map((patients) => ({ patients, place: hash(patients[0]!, seed) }))
    .sort((a, b) => a.place - b.place || (a.patients[0]! < b.patients[0]! ? -1 : 1))
  const patients = ordered.reduce((sum, group) => sum + group.patients.length, 0)
  const splitOf = new Map<string, Split>()
  let before = 0
  for (const group of ordered) {
    // The group goes where its middle falls, so that one that straddles a border does not shift the others.
    const middle = (before + group.patients.length / 2) / patients
    before += group.patients.length
    const split = splitAt(middle, fractions)
    for (const patient of group.patients) splitOf.set(patient, split)
  }
  return studies.map((study) => ({ ...study, split: splitOf.get(study.patient)! }))
}

function splitAt(position: number, fractions: Readonly<Record<Split, number>>): Split {
  const within = splits.filter((split) => fractions[split] > 0)
  let end = 0
  for (const split of within) {
    end += fractions[split]
    if (position < end) return split
  }
  return within.at(-1)!
}

/** Patients that belong together, by the name of one of them: union-find over shared keys. */
function groupPatients(
  studies: readonly Study[],
  keepTogether: (study: Study) => readonly string[],
): Map<string, string[]> {
  const parents = new Map<string, string>()
  const root = (patient: string): string => {
    let top = patient
    while (parents.get(top) !== top) top = parents.get(top)!
    // Shorter ways for the next look-up keep long chains from adding up.
    for (let at = patient; at !== top; ) {
      const next = parents.get(at)!
      parents.set(at, top)
      at = next
    }
    return top
  }
  const owners = new Map<string, string>()
  for (const study of studies) {
    if (!parents.has(study.patient)) parents.set(study.patient, study.patient)
    for (const key of keepTogether(study)) {
      const owner = owners.get(key)
      if (owner === undefined) owners.set(key, study.patient)
      else parents.set(root(study.patient), root(owner))
    }
  }
  const groups = new Map<string, string[]>()
  for (const patient of parents.keys()) {
    const group = groups.get(root(patient))
    if (group) group.push(patient)
    else groups.set(root(patient), [patient])
  }
  return groups
}

/** A number in [0, 1) that depends on every character and on the seed: FNV-1a, stirred by Philox. */
function hash(text: string, seed: number): number {
  let [low, high] = [0x811c9dc5, 0xcbf29ce4]
  for (const byte of new TextEncoder().encode(text)) {
    low = Math.imul(low ^ byte, 0x01000193) >>> 0
    high = (Math.imul(high ^ byte, 0x01000193) + low) >>> 0
  }
  const [a, b] = philox4x32([low, high, 0, 0], [seed, PARTITION_KEY])
  return ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53
}

/** Keeps these numbers apart from others that are made with the same seed. */
const PARTITION_KEY = 0x73706c69

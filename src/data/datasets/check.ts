import { DataError } from '../errors.js'
import { type ImageFacts, type ImageFault, type ImageInspection, inspectImage } from './inspect-image.js'
import { findOverlaps, type Overlap } from './leaks.js'
import type { ImageReaders } from './read-image.js'
import { type Dataset, type DatasetProblem, imagesOf, type Study } from './study.js'

export interface CheckFinding {
  readonly kind: DatasetProblem['kind'] | ImageFault['kind'] | Overlap['kind']
  /** A problem spoils training or evaluation; a notice is worth a look. */
  readonly severity: 'problem' | 'notice'
  /** Studies or images it is about. */
  readonly names: readonly string[]
  readonly message: string
}

/** Smallest, middle and largest of some numbers. */
export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

export interface SplitCounts {
  readonly studies: number
  readonly patients: number
  readonly images: number
  readonly masks: number
  readonly reports: number
}

/** All of it is plain JSON. */
export interface DatasetCheck {
  readonly name: string
  readonly folder: string
  readonly licence: string
  /** By split; 'none' for studies without one. */
  readonly counts: Readonly<Record<string, SplitCounts>>
  /** Studies that have a finding, of those that are labelled for it. */
  readonly labels: Readonly<Record<string, { readonly present: number; readonly labelled: number }>>
  readonly geometry: {
    /** Images by the directions of their axes, such as 'LPS'. */
    readonly orientations: Readonly<Record<string, number>>
    readonly dtypes: Readonly<Record<string, number>>
    /** For each array axis. Empty when no image could be read. */
    readonly axes: readonly { readonly voxels: Spread; readonly spacingMm: Spread }[]
    readonly values: Spread | null
  }
  readonly images: readonly ImageFacts[]
  readonly findings: readonly CheckFinding[]
  readonly notes: readonly string[]
}

export interface CheckOptions {
  readonly readers?: Partial<ImageReaders>
  /** Images read at a time, which bounds the memory. Default 2. */
  readonly concurrency?: number
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/** Kinds that do not spoil anything by themselves. */
const notices: ReadonlySet<CheckFinding['kind']> = new Set(['missing-report', 'duplicate-text', 'value-range'] as const)

/**
 * Reads every image of a data set and says what it holds and what is wrong: counts, geometry, broken files, masks that do
 * not fit, duplicated reports and volumes, and leaks between splits. A file that cannot be read is a finding and never
 * ends the check. Throws a DataError for options that make no sense, and the signal's reason when it aborts.
 */
export async function checkDataset(dataset: Dataset, options: CheckOptions = {}): Promise<DatasetCheck> {
  const { studies, problems, maskLabels, name, folder, licence, notes } = dataset
  const inspected = await inspectAll(studies, options, maskLabels)
  const images = inspected.flatMap(({ facts }) => (facts ? [facts] : []))
  const found: Omit<CheckFinding, 'severity'>[] = [
    ...problems.map(({ kind, name: own, message }) => ({ kind, names: [own], message })),
    ...inspected.flatMap(({ own, faults }) => faults.map(({ kind, message }) => ({ kind, names: [own], message }))),
    ...findOverlaps(studies, images),
  ]
  return {
    ...{ name, folder, licence, notes, images },
    counts: countBySplit(studies),
    labels: countLabels(studies),
    geometry: {
      orientations: tally(images.map(({ orientation }) => orientation)),
      dtypes: tally(images.map(({ dtype }) => dtype)),
      axes: images.length === 0 ? [] : ([0, 1, 2] as const).map((axis) => axisSpread(images, axis)),
      values: images.length === 0 ? null : valueSpread(images),
    },
    findings: found.map((finding) => ({ ...finding, severity: notices.has(finding.kind) ? 'notice' : 'problem' })),
  }
}

async function inspectAll(
  studies: readonly Study[],
  { readers = {}, concurrency = 2, onProgress, signal }: CheckOptions,
  maskLabels: Dataset['maskLabels'],
): Promise<(ImageInspection & { readonly own: string })[]> {
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new DataError(`concurrency ${concurrency} is not a positive whole number`)
  }
  const all = [...imagesOf(studies)]
  const results = new Array<ImageInspection & { readonly own: string }>(all.length)
  let [next, done] = [0, 0]
  const work = async (): Promise<void> => {
    for (let n = next++; n < all.length; n = next++) {
      signal?.throwIfAborted()
      const { study, image } = all[n]!
      results[n] = { own: image.name, ...(await inspectImage(study, image, readers, maskLabels)) }
      onProgress?.(++done, all.length)
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, all.length) }, work))
  return results
}

function countBySplit(studies: readonly Study[]): Record<string, SplitCounts> {
  const names = new Set(studies.map((study) => study.split ?? 'none'))
  return Object.fromEntries(
    [...names].map((split) => {
      const own = studies.filter((study) => (study.split ?? 'none') === split)
      const images = own.flatMap((study) => study.images)
      const counts: SplitCounts = {
        studies: own.length,
        patients: new Set(own.map(({ patient }) => patient)).size,
        images: images.length,
        masks: images.filter(({ mask }) => mask !== undefined).length,
        reports: own.filter(({ report }) => report !== undefined).length,
      }
      return [split, counts]
    }),
  )
}

// Names of labels come from files: one may be called as a property that every object has.
function countLabels(studies: readonly Study[]): DatasetCheck['labels'] {
  const counts = new Map<string, { present: number; labelled: number }>()
  for (const [name, value] of studies.flatMap(({ labels }) => Object.entries(labels ?? {}))) {
    const { present, labelled } = counts.get(name) ?? { present: 0, labelled: 0 }
    counts.set(name, { present: present + value, labelled: labelled + 1 })
  }
  return Object.fromEntries(counts)
}

function tally(values: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return Object.fromEntries(counts)
}

function axisSpread(images: readonly ImageFacts[], axis: 0 | 1 | 2): { voxels: Spread; spacingMm: Spread } {
  return {
    voxels: spreadOf(images.map(({ shape }) => shape[axis])),
    spacingMm: spreadOf(images.map(({ spacingMm }) => spacingMm[axis])),
  }
}

/** Smallest minimum, median of the maxima, largest maximum. */
function valueSpread(images: readonly ImageFacts[]): Spread {
  const least = images.reduce((low, { min }) => Math.min(low, min), Number.POSITIVE_INFINITY)
  return { ...spreadOf(images.map(({ max }) => max)), min: least }
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  return { min: sorted[0]!, median: sorted[sorted.length >> 1]!, max: sorted.at(-1)! }
}

import type { Triple } from '../geometry.js'

export type Split = 'train' | 'validation' | 'test'

export const splits: readonly Split[] = ['train', 'validation', 'test']

/** Where the voxels of an image lie. */
export type ImageSource =
  /** A file or folder that says everything about itself: NIfTI, NRRD, MetaImage, DICOM. */
  | { readonly kind: 'volume'; readonly path: string }
  /** Files of one grid each, one per channel in this order (nnU-Net). */
  | { readonly kind: 'channels'; readonly paths: readonly string[] }
  /** One volume of a file with several (MSD's multi-modal tasks), from 0. */
  | { readonly kind: 'frame'; readonly path: string; readonly index: number }
  /** A folder of 2D pictures that are slices, in the order of the number in their names, without any geometry. */
  | { readonly kind: 'slices'; readonly folder: string }
  /** An array of a NumPy archive, whose geometry is known from elsewhere. */
  | {
      readonly kind: 'array'
      readonly path: string
      readonly key: string
      /** Toward which sides of the patient the array's axes run, such as 'IPL'. */
      readonly axisCodes: string
      readonly spacingMm: Triple
    }

/** One volume of a study: a reconstruction or a series. */
export interface StudyImage {
  /** Unique in the data set. */
  readonly name: string
  readonly source: ImageSource
  /** A label map on the same grid. */
  readonly mask?: ImageSource
  /** What the data set's own table says of this image, by column. */
  readonly attributes?: Readonly<Record<string, string>>
}

export interface Report {
  readonly clinical?: string
  readonly technique?: string
  readonly findings?: string
  readonly impression?: string
  /** Everything, as one text. */
  readonly text: string
}

/** One examination of one patient: what is read together. */
export interface Study {
  /** Unique in the data set. */
  readonly id: string
  /** Whom it is of; the same for all studies of one person. */
  readonly patient: string
  readonly split?: Split
  /** At least one. */
  readonly images: readonly StudyImage[]
  readonly report?: Report
  /** Findings by name: 1 present, 0 absent. */
  readonly labels?: Readonly<Record<string, number>>
}

/** Something that a reader noticed and went on from: what it concerns was left out. */
export interface DatasetProblem {
  readonly kind: 'missing-image' | 'missing-mask' | 'missing-report' | 'conflicting-report' | 'conflicting-split'
  /** Of the study or image. */
  readonly name: string
  readonly message: string
}

export interface Dataset {
  readonly name: string
  readonly folder: string
  /** The terms of its owners, for everything that is derived from it. */
  readonly licence: string
  readonly studies: readonly Study[]
  /** Names of the labels in masks, by value; absent where there are none. */
  readonly maskLabels?: Readonly<Record<number, string>>
  readonly problems: readonly DatasetProblem[]
  /** What is worth knowing and no fault, such as a partial download. */
  readonly notes: readonly string[]
}

/** A report from its parts; `text` joins those that are not empty. Undefined when none has any text. */
export function makeReport(parts: Omit<Report, 'text'>): Report | undefined {
  const kept = Object.entries(parts).flatMap(([name, text]) => (text?.trim() ? [[name, text.trim()] as const] : []))
  if (kept.length === 0) return undefined
  return { ...Object.fromEntries(kept), text: kept.map(([, text]) => text).join('\n') }
}

/** Images with the study they belong to, in order. */
export function* imagesOf(studies: Iterable<Study>): Generator<{ readonly study: Study; readonly image: StudyImage }> {
  for (const study of studies) for (const image of study.images) yield { study, image }
}

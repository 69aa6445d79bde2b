/** The ready-made task of `studyLoader`: one image of a study, brought to a network's grid. */
import type { ImageSource, Report, Study, StudyImage } from '../datasets/index.js'
import { readImage } from '../datasets/index.js'
import type { Affine, Triple } from '../geometry.js'
import { preprocess } from '../preprocess/preprocess.js'
import { type PreprocessRecord, preprocessRecorded } from '../preprocess/record.js'
import type { PreprocessStep, ResolvedStep } from '../preprocess/steps.js'
import { resampleToGrid } from '../resample.js'
import type { Volume } from '../volume.js'
import type { TaskContext } from './task.js'

/** What a worker has to know of an image. */
export interface StudyItem {
  readonly study: Omit<Study, 'images'>
  readonly name: string
  readonly source: ImageSource
  readonly mask?: ImageSource
}

export interface StudyTaskData {
  /** From the scan to the network's input. */
  readonly steps: readonly PreprocessStep[]
}

/** An image of a study, ready for a network. */
export interface LoadedStudy {
  readonly study: string
  readonly patient: string
  /** C-ordered float32 voxels. */
  readonly image: Float32Array
  /** On the same grid, taken by nearest neighbour; 0 outside. */
  readonly mask?: Float32Array
  readonly shape: Triple
  readonly affine: Affine
  readonly report?: Report
  readonly labels?: Readonly<Record<string, number>>
}

/** The image of a study in a list for the loader. */
export function studyItem({ images: _, ...study }: Study, { name, source, mask }: StudyImage): StudyItem {
  return { study, name, source, ...(mask && { mask }) }
}

/** Reads and preprocesses one image, and its mask where there is one. Throws a DataError for what cannot be read. */
export async function load(
  { study, source, mask }: StudyItem,
  { data: { steps } }: TaskContext<StudyTaskData>,
): Promise<LoadedStudy> {
  // The mask takes the steps that its image took: a box around the image's foreground, not one of its own.
  const { volume, record } = preprocessRecorded(await readImage(source), steps)
  const labels = mask && maskThrough(await readImage(mask), record)
  return {
    ...{ study: study.id, patient: study.patient, shape: volume.shape, affine: volume.affine },
    image: volume.data as Float32Array,
    ...(labels && { mask: labels.data as Float32Array }),
    ...(study.report && { report: study.report }),
    ...(study.labels && { labels: study.labels }),
  }
}

/** Millimetres by which the grids of a mask and its image may differ and count as one. */
const SAME_GRID_MM = 1e-3

/** Takes a label map through the steps of its image, by way of the image's grid. */
function maskThrough(mask: Volume, { input, steps }: PreprocessRecord): Volume {
  const isSame =
    mask.shape.every((size, axis) => size === input.shape[axis]) &&
    mask.affine.every((value, n) => Math.abs(value - input.affine[n]!) < SAME_GRID_MM)
  const onGrid = isSame
    ? { ...mask, affine: input.affine }
    : resampleToGrid(mask, input, { interpolation: 'nearest', outside: 0 })
  return preprocess(onGrid, steps.flatMap(maskStep))
}

/** What a step does to a label map: grids change alike, intensities not at all. */
function maskStep(step: ResolvedStep): PreprocessStep[] {
  switch (step.kind) {
    case 'orient':
      return [step]
    case 'resample':
      return [{ ...step, interpolation: 'nearest', antialias: false }]
    case 'cropOrPad':
    case 'padToAtLeast':
    case 'box':
      return [{ ...step, value: 0 }]
    case 'clamp':
    case 'linear':
      return []
  }
}

/** Runs in loader threads: a series of M3D-Cap's pictures as a volume. */
import { type PreprocessStep, preprocess, readImage, type StudyItem } from '../../data/index.js'
import type { TaskContext } from '../../data/loader/index.js'
import type { StudySample } from './study-data.js'

/** Slices from which on a series counts as thin, with half the spacing (reference velvet §3.2). */
export const THIN_SLICES = 96

export interface PictureTaskData {
  /** For series of fewer slices than {@link THIN_SLICES}, and for others. */
  readonly steps: { readonly thick: readonly PreprocessStep[]; readonly thin: readonly PreprocessStep[] }
}

export async function load(
  { study, source }: StudyItem,
  { data: { steps } }: TaskContext<PictureTaskData>,
): Promise<StudySample> {
  const stack = await readImage(source)
  const thin = stack.shape[2] >= THIN_SLICES
  // Pictures have no geometry: the authors gave them this one, 1 mm in the plane.
  const affine = stack.affine.map((value, n) =>
    n % 4 === 2 && thin ? value / 2 : value,
  ) as unknown as typeof stack.affine
  const { data, shape } = preprocess({ ...stack, affine }, thin ? steps.thin : steps.thick)
  return {
    ...{ study: study.id, patient: study.patient, image: data as Float32Array, shape },
    ...(study.report && { report: study.report }),
  }
}

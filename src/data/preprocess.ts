import { z } from 'zod'
import { cropOrPad } from './crop.js'
import { DataError } from './errors.js'
import type { Triple } from './geometry.js'
import { areAxisCodes, reorient } from './orientation.js'
import { type Antialias, resampleToSpacing } from './resample.js'
import { contiguous, type Volume } from './volume.js'
import { allocateVoxels, canHold, type VoxelType, voxelType } from './voxels.js'

/** One step from a scan to a network's input. A list of them is plain JSON and describes a model's preprocessing. */
export type PreprocessStep =
  /** Array axes toward these sides of the patient, such as 'SAR' (see `reorient`). */
  | { kind: 'orient'; codes: string }
  /** Another voxel spacing in mm (see `resampleToSpacing`). */
  | {
      kind: 'resample'
      spacingMm: Triple
      interpolation?: 'linear' | 'nearest' | undefined
      antialias?: Antialias | undefined
      roundTowardZero?: boolean | undefined
    }
  /** Values below `min` become `min`, values above `max` become `max`. */
  | { kind: 'clamp'; min: number; max: number }
  /**
   * The linear map that takes the interval `from` to the interval `to`; values outside are mapped alike. Gives float32.
   */
  | { kind: 'scale'; from: [number, number]; to: [number, number] }
  /** Centred cut or fill to a number of voxels (see `cropOrPad`). */
  | { kind: 'cropOrPad'; size: Triple; value: number }

const triple = (item: z.ZodNumber) => z.tuple([item, item, item])
const interval = z.tuple([z.number(), z.number()])
const ends = 'the ends of an interval must differ'

/** Checks a list of steps that comes from JSON. */
export const preprocessStepsSchema: z.ZodType<PreprocessStep[]> = z.array(
  z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('orient'),
      codes: z.string().refine(areAxisCodes, "must be an orientation such as 'RAS' or 'SAR'"),
    }),
    z.strictObject({
      kind: z.literal('resample'),
      spacingMm: triple(z.number().positive()),
      interpolation: z.enum(['linear', 'nearest']).optional(),
      antialias: z.union([z.literal(false), z.literal('sampled-gaussian')]).optional(),
      roundTowardZero: z.boolean().optional(),
    }),
    z
      .strictObject({ kind: z.literal('clamp'), min: z.number(), max: z.number() })
      .refine(({ min, max }) => min <= max, { message: 'min must not exceed max', path: ['min'] }),
    z.strictObject({
      kind: z.literal('scale'),
      from: interval.refine(([low, high]) => low !== high, ends),
      to: interval,
    }),
    z.strictObject({
      kind: z.literal('cropOrPad'),
      size: triple(z.number().int().positive()),
      value: z.number(),
    }),
  ]),
)

/** The checked steps. Throws a DataError that names every wrong field, such as `steps[1].spacingMm[0]`. */
export function parsePreprocessSteps(steps: unknown): PreprocessStep[] {
  const result = preprocessStepsSchema.safeParse(steps)
  if (result.success) return result.data
  const problems = result.error.issues.map(({ path, message }) => {
    const field = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
    return `steps${field}: ${message}`
  })
  throw new DataError(`preprocessing steps are wrong: ${problems.join('; ')}`)
}

/**
 * Runs the steps one after the other and returns a C-ordered float32 volume whose affine still maps its voxels to
 * millimetres. Integer volumes stay integer until a step makes them float32, which matters to `roundTowardZero`.
 * The input is not changed. Throws a DataError for wrong steps and for volumes that cannot go through them.
 */
export function preprocess(volume: Volume, steps: readonly PreprocessStep[]): Volume {
  return contiguous(parsePreprocessSteps(steps).reduce(applyStep, volume), 'float32')
}

function applyStep(volume: Volume, step: PreprocessStep): Volume {
  switch (step.kind) {
    case 'orient':
      return reorient(volume, step.codes)
    case 'resample': {
      const { spacingMm, interpolation = 'linear', antialias = false, roundTowardZero = false } = step
      return resampleToSpacing(volume, spacingMm, { interpolation, antialias, roundTowardZero })
    }
    case 'clamp':
      return clamp(volume, step.min, step.max)
    case 'scale': {
      const slope = (step.to[1] - step.to[0]) / (step.from[1] - step.from[0])
      const intercept = step.to[0] - step.from[0] * slope
      return mapValues(volume, 'float32', (value) => value * slope + intercept)
    }
    case 'cropOrPad':
      return cropOrPad(volume, step.size, step.value)
  }
}

/** Integers stay integers when their type can hold both limits. */
function clamp(volume: Volume, min: number, max: number): Volume {
  const type = voxelType(volume.data)
  const keepsType = canHold(type, min) && canHold(type, max)
  return mapValues(volume, keepsType ? type : 'float32', (value) => Math.min(Math.max(value, min), max))
}

/** A C-ordered volume of the results of `map`. NaN reaches it like any value. */
function mapValues(volume: Volume, type: VoxelType, map: (value: number) => number): Volume {
  const { data: from, ...rest } = contiguous(volume)
  const data = allocateVoxels(type, from.length)
  for (let n = 0; n < data.length; n++) data[n] = map(from[n]!)
  return { ...rest, data }
}

import { z } from 'zod'
import type { Surplus } from '../crop.js'
import { DataError } from '../errors.js'
import type { Triple } from '../geometry.js'
import type { Interpolation } from '../interpolate.js'
import { areAxisCodes } from '../orientation.js'
import { windowPresets } from '../picture/windows.js'
import type { Antialias } from '../resample.js'
import type { SamplingRule } from '../sampling-rules.js'

/** One step from a scan to a network's input. A list of them is plain JSON and describes a model's preprocessing. */
export type PreprocessStep = GeometryStep | ValueStep

/** Steps that move voxels or make other ones. */
export type GeometryStep =
  /** Array axes toward these sides of the patient, such as 'SAR' (see `reorient`). */
  | { kind: 'orient'; codes: string }
  /** Another voxel spacing in mm (see `resampleToSpacing`). */
  | {
      kind: 'resample'
      spacingMm: Triple
      interpolation?: Interpolation | undefined
      rule?: SamplingRule | undefined
      antialias?: Antialias | undefined
      roundTowardZero?: boolean | undefined
    }
  /** Centred cut or fill to a number of voxels (see `cropOrPad`). */
  | { kind: 'cropOrPad'; size: Triple; value: number; surplus?: Surplus | undefined }
  /** Fill to at least a number of voxels (see `padToAtLeast`). */
  | { kind: 'padToAtLeast'; size: Triple; value: number; surplus?: Surplus | undefined }
  /** Cut to the voxels above a value (see `cropForeground`). */
  | {
      kind: 'cropForeground'
      above?: number | undefined
      margin?: Triple | undefined
      rule?: 'monai' | 'fvlm' | undefined
    }
  /** The voxels of a box, those beyond the volume filled with `value` (see `cutBox`). */
  | { kind: 'box'; first: Triple; size: Triple; value: number }

/** Steps that change values and no voxel's place. */
export type ValueStep =
  /** Values below `min` become `min`, values above `max` become `max`. */
  | { kind: 'clamp'; min: number; max: number }
  /**
   * The linear map that takes the interval `from` to the interval `to`; values outside are mapped alike. Gives float32.
   */
  | { kind: 'scale'; from: [number, number]; to: [number, number] }
  /** value x slope + intercept, in float32. */
  | { kind: 'linear'; slope: number; intercept: number }
  /** What an intensity window shows, from 0 (its lower end and below) to 1 (its upper end and above), in float32. */
  | { kind: 'window'; center: number; width: number }
  /** The same for a window with a name, such as 'lung'. */
  | { kind: 'windowPreset'; preset: keyof typeof windowPresets }
  /** Zero mean and unit variance over some of the voxels, which see; in float32. */
  | ({ kind: 'normalize' } & NormalizeOptions)

/** A step that looks at no voxel to know what to do: what a record of preprocessing consists of. */
export type ResolvedStep = Extract<
  PreprocessStep,
  { kind: 'orient' | 'resample' | 'cropOrPad' | 'padToAtLeast' | 'box' | 'clamp' | 'linear' }
>

/** Which voxels count for mean and standard deviation (of the population). All are changed alike. */
export interface NormalizeOptions {
  /** Only voxels above this value, such as the background's. */
  above?: number | undefined
  /** Only voxels from the first to the second percentile (0 to 100) of those; both included, linearly interpolated. */
  percentiles?: [number, number] | undefined
}

const triple = (item: z.ZodNumber) => z.tuple([item, item, item])
const interval = z.tuple([z.number(), z.number()])
const voxels = triple(z.number().int().positive())
const filling = { size: voxels, value: z.number(), surplus: z.enum(['beginning', 'end']).optional() }
const ends = 'the ends of an interval must differ'
const presets = Object.keys(windowPresets) as (keyof typeof windowPresets)[]

const stepSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('orient'),
    codes: z.string().refine(areAxisCodes, "must be an orientation such as 'RAS' or 'SAR'"),
  }),
  z.strictObject({
    kind: z.literal('resample'),
    spacingMm: triple(z.number().positive()),
    interpolation: z.enum(['linear', 'nearest', 'cubic']).optional(),
    rule: z.enum(['torchio', 'monai', 'fvlm']).optional(),
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
  z.strictObject({ kind: z.literal('linear'), slope: z.number(), intercept: z.number() }),
  z.strictObject({ kind: z.literal('window'), center: z.number(), width: z.number().positive() }),
  z.strictObject({ kind: z.literal('windowPreset'), preset: z.enum(presets) }),
  z.strictObject({
    kind: z.literal('normalize'),
    above: z.number().optional(),
    percentiles: interval
      .refine(([low, high]) => low >= 0 && low < high && high <= 100, 'must be two growing numbers from 0 to 100')
      .optional(),
  }),
  z.strictObject({ kind: z.literal('cropOrPad'), ...filling }),
  z.strictObject({ kind: z.literal('padToAtLeast'), ...filling }),
  z.strictObject({
    kind: z.literal('cropForeground'),
    above: z.number().optional(),
    margin: triple(z.number().int().nonnegative()).optional(),
    rule: z.enum(['monai', 'fvlm']).optional(),
  }),
  z.strictObject({ kind: z.literal('box'), first: triple(z.number().int()), size: voxels, value: z.number() }),
])

/** Checks a list of steps that comes from JSON. */
export const preprocessStepsSchema: z.ZodType<PreprocessStep[]> = z.array(stepSchema)

/** The checked steps. Throws a DataError that names every wrong field, such as `steps[1].spacingMm[0]`. */
export function parsePreprocessSteps(steps: unknown): PreprocessStep[] {
  const result = preprocessStepsSchema.safeParse(steps)
  if (result.success) return result.data
  throw new DataError(`preprocessing steps are wrong: ${issuesText(result.error, 'steps')}`)
}

/** Every wrong field of a checked value with what is wrong, such as `steps[1].spacingMm[0]: ...`. */
export function issuesText(error: z.ZodError, root: string): string {
  const problems = error.issues.map(({ path, message }) => {
    const field = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
    return `${root}${field}: ${message}`
  })
  return problems.join('; ')
}

/** What augmentation may do, as plain JSON. */
import { z } from 'zod'
import { ValueError } from '../../engine/index.js'

type Triple = [number, number, number]
/** Uniform from the first to the second number. */
type Range = [number, number]

interface Chance {
  /** That the step happens to a sample. Default 1. */
  probability?: number | undefined
}

interface Sampling {
  /** Default linear. Label maps always take nearest. */
  interpolation?: 'linear' | 'nearest' | 'cubic' | undefined
  /** The value beyond the volume; default 0. Null repeats the edge. */
  outside?: number | null | undefined
}

/** Boxes until their voxels, counted as often as they overlap, reach a part of the volume. */
interface Boxes {
  /** The part, drawn from this range. */
  fraction: Range
  /** Voxels along each axis: whole numbers, both included. */
  side: Range
}

/**
 * One random change. Axes are 0, 1, 2 for depth, height, width. Every number is drawn for each sample anew, from the
 * seed, the sample's own number and the step's place in the list.
 */
export type AugmentStep = Chance &
  (
    | /** Reverses each of these axes, or not, with even chances. */ { kind: 'flip'; axes: number[] }
    | /** Turns the plane of two axes by 0 to 3 quarter turns, each as likely. */ {
        kind: 'rotate90'
        axes: [number, number]
      }
    | /** Cuts out a box of this size at a random place. */ { kind: 'crop'; size: Triple }
    | /** Turns, stretches and shifts about the middle of the volume. */ (Sampling & {
        kind: 'affine'
        /** Up to so many degrees either way about each axis, with this probability (default 1). */
        rotation?: { degrees: Triple; probability?: number | undefined } | undefined
        /** One factor for all axes; above 1 things grow. */
        scale?: { range: Range; probability?: number | undefined } | undefined
        /** Up to so many voxels either way along each axis. */
        shift?: { voxels: Triple; probability?: number | undefined } | undefined
        /** Voxel sizes, so that turns are turns in space. Default: all equal. */
        spacingMm?: Triple | undefined
      })
    | /** Bends by a cubic B-spline with so many control points along each axis, moved by up to `voxels` either way. */ (Sampling & {
        kind: 'elastic'
        points: Triple
        voxels: Triple
      })
    | /** Adds normal noise of a standard deviation drawn from this range. */ { kind: 'noise'; std: Range }
    | /** Smooths by a Gaussian of so many voxels. */ { kind: 'blur'; sigma: Range }
    | /** Raises values, as parts of an interval (default 0 to 1, values are cut to it), to a power. */ {
        kind: 'gamma'
        exponent: Range
        interval?: Range | undefined
      }
    | /** value x factor + shift, about a middle (default 0) that the factor leaves in place. */ {
        kind: 'intensity'
        factor?: Range | undefined
        shift?: Range | undefined
        middle?: number | undefined
      }
    | /** Fills boxes with a value, or with noise whose extremes in each box are 0 and 1 (default). */ (Boxes & {
        kind: 'dropBoxes'
        fill?: 'noise' | { value: number } | undefined
      })
    | /** Fills boxes with the same ones of another sample of the batch, as it is before this step. */ (Boxes & {
        kind: 'swapBoxes'
      })
    | /** Puts patches of this size into random order. */ { kind: 'shufflePatches'; patch: Triple }
  )

const triple = (item: z.ZodNumber) => z.tuple([item, item, item])
const axis = z.number().int().min(0).max(2)
const probability = z.number().min(0).max(1).optional()
const growing = (item: z.ZodNumber) =>
  z.tuple([item, item]).refine(([low, high]) => low <= high, 'must be a range from low to high')
const positive = z.number().positive()
const atLeastZero = z.number().nonnegative()
const count = z.number().int().positive()
const sampling = {
  interpolation: z.enum(['linear', 'nearest', 'cubic']).optional(),
  outside: z.number().nullable().optional(),
}
const boxes = { fraction: growing(z.number().min(0).max(1)), side: growing(count) }

/** Checks a list of steps that comes from JSON. */
export const augmentStepsSchema: z.ZodType<AugmentStep[]> = z.array(
  z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('flip'), axes: z.array(axis).min(1), probability }),
    z.strictObject({
      kind: z.literal('rotate90'),
      axes: z.tuple([axis, axis]).refine(([a, b]) => a !== b, 'must be two different axes'),
      probability,
    }),
    z.strictObject({ kind: z.literal('crop'), size: triple(count), probability }),
    z.strictObject({
      kind: z.literal('affine'),
      rotation: z.strictObject({ degrees: triple(atLeastZero), probability }).optional(),
      scale: z.strictObject({ range: growing(positive), probability }).optional(),
      shift: z.strictObject({ voxels: triple(atLeastZero), probability }).optional(),
      spacingMm: triple(positive).optional(),
      ...sampling,
      probability,
    }),
    z.strictObject({
      kind: z.literal('elastic'),
      points: triple(count.min(2)),
      voxels: triple(atLeastZero),
      ...sampling,
      probability,
    }),
    z.strictObject({ kind: z.literal('noise'), std: growing(atLeastZero), probability }),
    z.strictObject({ kind: z.literal('blur'), sigma: growing(atLeastZero), probability }),
    z.strictObject({
      kind: z.literal('gamma'),
      exponent: growing(positive),
      interval: growing(z.number())
        .refine(([low, high]) => low < high, 'must not be empty')
        .optional(),
      probability,
    }),
    z.strictObject({
      kind: z.literal('intensity'),
      factor: growing(z.number()).optional(),
      shift: growing(z.number()).optional(),
      middle: z.number().optional(),
      probability,
    }),
    z.strictObject({
      kind: z.literal('dropBoxes'),
      ...boxes,
      fill: z.union([z.literal('noise'), z.strictObject({ value: z.number() })]).optional(),
      probability,
    }),
    z.strictObject({ kind: z.literal('swapBoxes'), ...boxes, probability }),
    z.strictObject({ kind: z.literal('shufflePatches'), patch: triple(count), probability }),
  ]),
)

/** The checked steps. @throws ValueError that names every wrong field. */
export function parseAugmentSteps(steps: unknown): AugmentStep[] {
  const result = augmentStepsSchema.safeParse(steps)
  if (result.success) return result.data
  const problems = result.error.issues.map(({ path, message }) => `steps.${path.join('.')}: ${message}`)
  throw new ValueError(`augmentation steps are wrong: ${problems.join('; ')}`)
}

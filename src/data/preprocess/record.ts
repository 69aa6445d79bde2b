import { z } from 'zod'
import { DataError } from '../errors.js'
import type { Triple } from '../geometry.js'
import { checkShape, type Grid, type GridHistory, gridOf } from '../history.js'
import { type RestoreOptions, undo } from '../restore.js'
import { type Volume, validateVolume, volumeName } from '../volume.js'
import { type VoxelType, voxelType } from '../voxels.js'
import { runSteps } from './preprocess.js'
import {
  issuesText,
  type PreprocessStep,
  parsePreprocessSteps,
  preprocessStepsSchema,
  type ResolvedStep,
} from './steps.js'
import { mappedLinearly } from './values.js'

/**
 * What preprocessing did to one scan, as plain JSON: to be stored beside an embedding, replayed on the scan, and undone
 * on results. Everything that was measured in the scan (a foreground box, a mean) is written out.
 */
export interface PreprocessRecord {
  version: 1
  /** The scan's grid and type of voxels. */
  input: Grid
  voxelType: VoxelType
  steps: ResolvedStep[]
  /** One entry for each geometric step, in their order. */
  grids: GridHistory
}

export interface InvertOptions extends RestoreOptions {
  /** Also undo the linear maps of values (default). False keeps them: label maps and probabilities want that. */
  values?: boolean
}

const numbers = (count: number) => z.array(z.number()).length(count)
const triple = z.tuple([z.number(), z.number(), z.number()])
const gridSchema = z.strictObject({ shape: triple, affine: numbers(16) })
const booleans = z.tuple([z.boolean(), z.boolean(), z.boolean()])
/** Steps that a record writes out as others. */
const unresolved = new Set(['scale', 'window', 'windowPreset', 'normalize', 'cropForeground'])

const recordSchema = z.strictObject({
  version: z.literal(1),
  input: gridSchema,
  voxelType: z.enum(['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'float32', 'float64']),
  steps: preprocessStepsSchema.refine(
    (steps) => steps.every(({ kind }) => !unresolved.has(kind)),
    'a record holds only steps that are written out',
  ),
  grids: z.array(
    z.strictObject({
      change: z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('orient'), axes: triple, flipped: booleans }),
        z.strictObject({ kind: z.literal('box'), first: triple }),
        z.strictObject({ kind: z.literal('resample') }),
      ]),
      before: gridSchema,
      after: gridSchema,
    }),
  ),
})

/** A record from JSON. Throws a DataError that names every wrong field. */
export function parsePreprocessRecord(value: unknown): PreprocessRecord {
  const result = recordSchema.safeParse(value)
  if (!result.success) {
    throw new DataError(`the record of preprocessing is wrong: ${issuesText(result.error, 'record')}`)
  }
  const record = result.data as PreprocessRecord
  if (record.steps.filter(isGeometric).length !== record.grids.length) {
    throw new DataError('the record of preprocessing is wrong: it does not have one grid for each geometric step')
  }
  return record
}

/** As `preprocess`, with the record of what was done. */
export function preprocessRecorded(
  volume: Volume,
  steps: readonly PreprocessStep[],
): { volume: Volume; record: PreprocessRecord } {
  validateVolume(volume)
  const taken: ResolvedStep[] = []
  const result = runSteps(volume, parsePreprocessSteps(steps), (step) => taken.push(step))
  const grids = (result.history ?? []).slice(volume.history?.length ?? 0)
  const record = { version: 1, input: gridOf(volume), voxelType: voxelType(volume.data), steps: taken, grids } as const
  return { volume: result, record }
}

/**
 * Does to a scan what a record says, without unresolved anything: of the scan that was recorded it makes the same voxels
 * to the last bit. Also for another image on the same grid and of the same type (a second phase), which then goes
 * through the numbers of the first. Throws a DataError for another grid or type.
 */
export function replayPreprocess(volume: Volume, record: PreprocessRecord): Volume {
  const { input, steps, voxelType: type } = parsePreprocessRecord(record)
  validateVolume(volume)
  checkShape(volume.shape, input.shape, volumeName(volume))
  if (volume.affine.some((value, n) => value !== input.affine[n])) {
    throw new DataError('lies elsewhere than the scan of the record', {
      path: volumeName(volume),
      remedy: 'Resample it to that grid first (resampleToGrid), or preprocess it anew',
    })
  }
  if (voxelType(volume.data) !== type) {
    throw new DataError(`has ${voxelType(volume.data)} voxels, the record is of ${type}`, { path: volumeName(volume) })
  }
  return runSteps(volume, steps)
}

/**
 * Undoes a record on a volume that has the grid it ends with: the prepared image itself, or a result. Orientation, crops
 * and pads are undone exactly, linear maps of values to rounding, and resampling by interpolation; what a clamp or a crop
 * took away is gone, and `outside` stands for the latter. The result has the scan's grid and is float32, or the type of
 * the volume where no value changes.
 */
export function invertPreprocess(volume: Volume, record: PreprocessRecord, options: InvertOptions = {}): Volume {
  const { input, steps, grids } = parsePreprocessRecord(record)
  const { values = true, ...restore } = options
  validateVolume(volume)
  const { history: _, ...rest } = volume
  const last = grids.at(-1)?.after ?? input
  checkShape(volume.shape, last.shape as Triple, 'the volume to bring back')
  let current: Volume = { ...rest, affine: last.affine }
  let left = grids.length
  for (const step of steps.toReversed()) {
    if (isGeometric(step)) current = undo(current, grids[--left]!, restore)
    else if (values && step.kind === 'linear') current = mappedLinearly(current, inverseOf(step), false)
  }
  return { ...current, affine: input.affine, history: [] }
}

const isGeometric = ({ kind }: PreprocessStep): boolean => kind !== 'clamp' && kind !== 'linear'

function inverseOf({ slope, intercept }: { slope: number; intercept: number }) {
  if (slope === 0) throw new DataError('the record maps all values to one, which cannot be undone')
  return { slope: 1 / slope, intercept: -intercept / slope }
}

/** Weights of a finished run, into a task. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DataError, openWeights } from '../data/index.js'
import type { DType } from '../engine/index.js'
import { loadWeights, ParameterScope } from '../models/index.js'
import type { TrainingTask } from './task.js'

/** What a run leaves, the better one first. */
const finalNames = ['best.safetensors', 'model.safetensors']

/** The weights file of a run's folder, or the file itself. Throws a DataError when there is none. */
export function findWeights(path: string): string {
  if (existsSync(path) && statSync(path).isFile()) return path
  const found = finalNames.map((name) => join(path, name)).find((file) => existsSync(file))
  if (found !== undefined) return found
  throw new DataError(`there is neither ${finalNames.join(' nor ')}`, {
    path,
    remedy: 'Train first, or give --checkpoint a weights file or the folder of a run',
  })
}

/** Loads every parameter of a task. Throws a WeightsError that lists everything that does not fit. */
export async function loadTaskWeights(task: TrainingTask, path: string, dtype: DType): Promise<void> {
  await using weights = await openWeights(path)
  await loadWeights(new ParameterScope(task.device, dtype, '', new Map(task.parameters)), weights)
}

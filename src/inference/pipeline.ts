/** `pipeline(task, model)` in the manner of transformers.js: one function for one job. */
import { ValueError } from '../engine/index.js'
import type { CallOptions } from './colipri/colipri-model.js'
import type { ClassScore } from './colipri/scores.js'
import { type LoadModelOptions, loadModel } from './load-model.js'
import type { ScanInput } from './prepare-task.js'

/** Call it with a scan, or several, and candidate labels; get every label with its part of the softmax, best first. */
export interface ZeroShotClassifier {
  (scan: ScanInput, labels: readonly string[], options?: CallOptions): Promise<ClassScore[]>
  (scans: readonly ScanInput[], labels: readonly string[], options?: CallOptions): Promise<ClassScore[][]>
  /** Frees the model. */
  dispose(): void
  [Symbol.dispose](): void
}

export interface Pipelines {
  'zero-shot-ct-classification': ZeroShotClassifier
}

/**
 * Makes a pipeline:
 *
 *     const classify = await pipeline('zero-shot-ct-classification', 'colipri')
 *     await classify('scan.nii.gz', ['Lung nodules', 'No lung nodules'])   // [{ label, score }, ...], best first
 *
 * Options and errors are those of `loadModel`. Research use only, not for diagnosis.
 */
export async function pipeline<Task extends keyof Pipelines>(
  task: Task,
  model: 'colipri' = 'colipri',
  options: LoadModelOptions = {},
): Promise<Pipelines[Task]> {
  if (task !== 'zero-shot-ct-classification') {
    throw new ValueError(`pipeline: there is no task '${task}'. There is zero-shot-ct-classification`)
  }
  const loaded = await loadModel(model, options)
  const one = async (scan: ScanInput | Float32Array, labels: readonly string[], options?: CallOptions) =>
    (await loaded.classify(scan, labels, options)).sort((a, b) => b.score - a.score)
  const classify = async (
    given: ScanInput | readonly ScanInput[],
    labels: readonly string[],
    options: CallOptions = {},
  ): Promise<ClassScore[] | ClassScore[][]> => {
    if (!isList(given)) return await one(given, labels, options)
    const results: ClassScore[][] = []
    for await (const { embedding } of loaded.encodeImages(given, options)) {
      results.push(await one(embedding, labels, options))
    }
    return results
  }
  const dispose = () => loaded.dispose()
  return Object.assign(classify, { dispose, [Symbol.dispose]: dispose }) as Pipelines[Task]
}

const isList = (given: ScanInput | readonly ScanInput[]): given is readonly ScanInput[] => Array.isArray(given)

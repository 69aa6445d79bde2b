/** Linear probes on the frozen image towers of recipes. */
import { Loader } from '../../data/index.js'
import { NotSupportedError, ValueError } from '../../engine/index.js'
import { evaluateProbe, type ProbeData, type ProbeScores, trainProbe } from '../evaluation/index.js'
import type { EvaluationContext, TrainingTask } from '../task.js'
import type { SampleSource, StudyData, StudySample } from './study-data.js'

/** What a probe needs of a task. */
export interface ProbeAccess {
  readonly data: StudyData
  /** The mean of a scan's frozen tokens, before any projection into the space of texts. */
  features(samples: readonly StudySample[]): Promise<readonly Float32Array[]>
}

/** A task whose image tower can be probed. */
export type ProbedTask = TrainingTask & { readonly probe: ProbeAccess }

const isProbed = (task: TrainingTask): task is ProbedTask => 'probe' in task

export interface ProbeRunOptions {
  readonly seed: number
  /** Of each learning rate. Default 2000. */
  readonly steps?: number | undefined
}

/**
 * Trains one linear layer on the training split's features, chooses the learning rate on the validation split, and scores
 * the test split. Throws a {@link NotSupportedError} for tasks without such features, and for data whose two held-out
 * splits are one.
 */
export async function probeTask(
  task: TrainingTask,
  context: EvaluationContext,
  { seed, steps = 2000 }: ProbeRunOptions,
): Promise<ProbeScores> {
  if (!isProbed(task)) {
    throw new NotSupportedError(`${task.name}: has no features of whole scans to probe: it embeds anatomies`)
  }
  const { data, features } = task.probe
  const [validation, test] = [data.heldOut('validation'), data.heldOut('test')]
  if (data.findings.length === 0 || validation.items.join() === test.items.join()) {
    throw new NotSupportedError(
      `${task.name}: a probe needs labels and three splits, which phantoms have. For CT-RATE: voxgrad evaluate --protocol probe`,
    )
  }
  const read = (source: SampleSource) => probeData(task.probe, source, context, features)
  const [train, chosen] = [await read(data.training), await read(validation)]
  const options = { pooling: 'average', seed, steps, signal: context.signal } as const
  const probe = await trainProbe(task.device, { train, validation: chosen }, options)
  return await evaluateProbe(task.device, probe, await read(test))
}

async function probeData(
  { data }: ProbeAccess,
  source: SampleSource,
  { batchSize, workers, signal }: EvaluationContext,
  features: ProbeAccess['features'],
): Promise<ProbeData> {
  const findings = data.findings.map(({ finding }) => finding)
  const rows: Float32Array[] = []
  const labels: number[] = []
  const loader = new Loader<unknown, StudySample>({ ...source, batchSize, workers, ...(signal && { signal }) })
  for await (const { items } of loader) {
    const samples = items.map(({ value }) => value)
    rows.push(...(await features(samples)))
    for (const { study, labels: known } of samples) {
      if (!known) throw new ValueError(`${study}: has no labels to probe with`)
      labels.push(...findings.map((finding) => known[finding] ?? 0))
    }
  }
  return { studies: rows.length, shape: [1, rows[0]!.length], findings, labels, tokens: (study) => rows[study]! }
}

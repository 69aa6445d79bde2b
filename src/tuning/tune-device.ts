/** Tunes a device and keeps what was found, problem by problem: what is interrupted goes on where it was. */
import {
  type Clock,
  type Cost,
  type Device,
  type PreferenceTable,
  planTuning,
  preferenceTable,
  type TunerListener,
  type TuningPlan,
  type TuningProblem,
  type TuningReport,
  tune,
  type Workload,
} from '../engine/index.js'
import { toleranceOf } from '../kernels/index.js'
import { type Ceilings, leastMs } from './ceilings/ceilings.js'
import { currentBuckets, type TuningStore } from './store.js'

/**
 * Largest problem that is measured on a software adapter, where it takes some tenths of a second; larger ones would take
 * minutes with all their variants.
 */
const softwareBudget: Cost = { flops: 4e9, bytes: 5e8 }

export interface TuneDeviceOptions {
  readonly store: TuningStore
  /** Measures also what is stored already. */
  readonly force?: boolean
  /** Kernels to tune, by name; default: all that have a choice. */
  readonly kernels?: (name: string) => boolean
  readonly signal?: AbortSignal
  readonly listener?: TunerListener
  readonly clock?: Clock
  /** What the device can do at most, as `measureCeilings` finds it: a race ends near it. */
  readonly ceilings?: Ceilings
}

export interface DevicePlan extends TuningPlan {
  /** Problems that are stored already. */
  readonly known: readonly TuningProblem[]
}

/** What {@link tuneDevice} would measure. Nothing is launched. */
export async function planDevice(
  device: Device,
  workloads: readonly Workload[],
  options: TuneDeviceOptions,
): Promise<DevicePlan> {
  return split(await planTuning(device, workloads, planOptions(device, options)), knownBy(options))
}

export interface DeviceTuning extends TuningReport {
  readonly plan: DevicePlan
  /** False where the store could not be written. */
  readonly stored: boolean
}

/**
 * Measures every kind of problem in `workloads` that the store does not know, and stores each as soon as it is measured.
 *
 * @throws what `tune` throws.
 */
export async function tuneDevice(
  device: Device,
  workloads: readonly Workload[],
  options: TuneDeviceOptions,
): Promise<DeviceTuning> {
  const { store, listener = {}, clock, ceilings } = options
  const isKnown = knownBy(options)
  let stored = true
  let saving = Promise.resolve()
  try {
    const report = await tune(device, workloads, {
      ...planOptions(device, options),
      ...(clock ? { clock } : {}),
      ...(ceilings ? { ceilingMs: (problem) => leastMs(ceilings, device.capabilities, problem) } : {}),
      tolerance: toleranceOf,
      isKnown,
      listener: {
        ...listener,
        result(result) {
          // One warning is enough where nothing can be stored.
          saving = saving.then(async () => {
            if (stored) stored = await store.save([result])
          })
          listener.result?.(result)
        },
      },
    })
    await saving
    return { ...report, plan: split(report.plan, isKnown), stored }
  } finally {
    await saving
  }
}

/** The store's table for the kernels that `which` names, and over it what a report found. */
export function tuningTable(
  store: TuningStore,
  which: (kernel: string) => boolean,
  results: TuningReport['results'],
): PreferenceTable {
  const kernels = store.read()
  const found = preferenceTable(results)
  const names = [...new Set([...Object.keys(kernels), ...Object.keys(found)])].filter(which).sort()
  const entries = names.map((name) => {
    const stored = Object.entries(currentBuckets(kernels, name)).map(([bucket, { preferred }]) => [bucket, preferred])
    const buckets: Record<string, readonly string[]> = { ...Object.fromEntries(stored), ...found[name] }
    return [name, Object.fromEntries(Object.entries(buckets).sort(([a], [b]) => (a < b ? -1 : 1)))] as const
  })
  return Object.fromEntries(entries.filter(([, buckets]) => Object.keys(buckets).length > 0))
}

function planOptions({ capabilities }: Device, { kernels, signal }: TuneDeviceOptions) {
  return {
    ...(kernels ? { kernels } : {}),
    ...(signal ? { signal } : {}),
    ...(capabilities.software ? { budget: softwareBudget } : {}),
  }
}

/** What is stored when it is asked for the first time: what comes to it later was measured by somebody else. */
function knownBy({ store, force = false }: TuneDeviceOptions): (kernel: string, bucket: string) => boolean {
  if (force) return () => false
  const kernels = store.read()
  return (kernel, bucket) => Object.hasOwn(currentBuckets(kernels, kernel), bucket)
}

function split(plan: TuningPlan, isKnown: (kernel: string, bucket: string) => boolean): DevicePlan {
  const known = plan.problems.filter(({ kernel, bucket }) => isKnown(kernel.name, bucket))
  return { ...plan, problems: plan.problems.filter((problem) => !known.includes(problem)), known }
}

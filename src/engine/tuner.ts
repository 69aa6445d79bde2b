/**
 * The tuner: which variant of a kernel is fastest for which kind of problem on this device.
 *
 * Every candidate is checked against the kernel's portable variant before it is timed: one that disagrees or does not
 * compile is a fault to be reported, never a winner. Those that agree race each other (`race.ts`).
 */
import { type Clock, chooseClock } from './clock.js'
import type { Cost } from './cost.js'
import type { Device } from './device.js'
import type { DType, TensorData } from './dtype.js'
import { DeviceLostError, LimitError, NotSupportedError, OutOfMemoryError, ValueError, VoxgradError } from './errors.js'
import type { PreferenceTable } from './preferences.js'
import { type RaceOptions, race, type Standing } from './race.js'
import { type AllowedError, compareResults, Trial } from './trial.js'
import { type PlanOptions, planTuning, type TuningPlan, type TuningProblem } from './tuning-plan.js'
import type { Workload } from './workload.js'

export interface TunerOptions extends PlanOptions {
  /** How far results of an operation may be from the truth: the table that the tests use. */
  readonly tolerance: (operation: string, dtype: DType) => AllowedError
  /** Default: timestamps where they can be trusted, else the wall clock. */
  readonly clock?: Clock
  /** Measured milliseconds for one problem, after every candidate's first execution. Default 2000. */
  readonly mostMs?: number
  /** Least milliseconds that the device's ceilings allow for a problem, where they are known. */
  readonly ceilingMs?: (problem: TuningProblem) => number | undefined
  /** Part of the ceiling that is near enough to stop; default 0.9. */
  readonly nearEnough?: number
  /** Kinds of problems that need no measuring any more. */
  readonly isKnown?: (kernel: string, bucket: string) => boolean
  readonly listener?: TunerListener
}

/** Hears how it goes. */
export interface TunerListener {
  /** Before a problem is measured; `index` counts from 0 to `count`. */
  problem?(problem: TuningProblem, index: number, count: number): void
  /** After each problem: what is kept of it should be stored now, in case the next one is interrupted. */
  result?(result: TuningResult): void
  /** A candidate that must not be used. Default: a line on `console.error`. */
  fault?(fault: TuningFault): void
}

/** A variant that computed something else than the portable one, or failed. It is a bug of that variant. */
export interface TuningFault {
  readonly kind: 'wrong' | 'failed'
  readonly kernel: string
  readonly variant: string
  readonly bucket: string
  readonly workload: string
  readonly reason: string
}

export interface CandidateResult {
  readonly variant: string
  /** `unavailable`: this device has not what it takes; no fault of the variant. */
  readonly status: 'measured' | 'wrong' | 'failed' | 'unavailable'
  /** Per execution; of measured candidates. */
  readonly medianMs?: number
  readonly samples: number
  /** Why it was not measured. */
  readonly reason?: string
}

export interface TuningResult {
  readonly kernel: string
  readonly bucket: string
  readonly workload: string
  readonly cost: Cost
  readonly untuned: string
  /** Undefined where nothing could be measured. */
  readonly winner?: string
  /** The winner, then the others that were faster than what runs untuned, then that. */
  readonly preferred: readonly string[]
  /** The untuned variant's time over the winner's. */
  readonly speedup?: number
  readonly candidates: readonly CandidateResult[]
  /** Why nothing was measured. */
  readonly reason?: string
}

export interface TuningReport {
  readonly plan: TuningPlan
  /** In the plan's order, without those that were known. */
  readonly results: readonly TuningResult[]
  readonly faults: readonly TuningFault[]
}

/** A candidate replaces what runs untuned if it is faster by this part: less is noise. */
const leastGain = 0.03

/**
 * Finds and measures the problems of `workloads`, one after another in the order in which they come up.
 *
 * @throws DeviceLostError when the device is gone, the signal's reason when it is aborted; what was found until then has
 * gone to the listener.
 */
export async function tune(
  device: Device,
  workloads: readonly Workload[],
  options: TunerOptions,
): Promise<TuningReport> {
  const { isKnown = () => false, listener = {} } = options
  const plan = await planTuning(device, workloads, options)
  const problems = plan.problems.filter(({ kernel, bucket }) => !isKnown(kernel.name, bucket))
  const faults: TuningFault[] = []
  const report = (fault: TuningFault) => {
    faults.push(fault)
    if (listener.fault) listener.fault(fault)
    else console.error(describeFault(fault))
  }
  const results: TuningResult[] = []
  const tuner = new Tuner(device, options, report)
  for (const [index, problem] of problems.entries()) {
    listener.problem?.(problem, index, problems.length)
    const result = await tuner.measure(problem)
    results.push(result)
    listener.result?.(result)
  }
  return { plan, results, faults }
}

export function describeFault({ kind, kernel, variant, bucket, workload, reason }: TuningFault): string {
  const what = kind === 'wrong' ? 'computes something else than the portable variant' : 'failed'
  return `kernel ${kernel}/${variant} ${what} on ${bucket} (${workload}): ${reason}. This is a bug: please report it`
}

/** What the results amount to, for {@link preferencesOf} and for storage. */
export function preferenceTable(results: readonly TuningResult[]): PreferenceTable {
  const table: Record<string, Record<string, readonly string[]>> = {}
  for (const { kernel, bucket, preferred } of results) {
    if (preferred.length === 0) continue
    table[kernel] ??= {}
    table[kernel][bucket] = preferred
  }
  return table
}

class Tuner {
  readonly #device: Device
  readonly #options: TunerOptions
  readonly #report: (fault: TuningFault) => void
  #clock: Clock | undefined

  constructor(device: Device, options: TunerOptions, report: (fault: TuningFault) => void) {
    this.#device = device
    this.#options = options
    this.#clock = options.clock
    this.#report = report
  }

  async measure(problem: TuningProblem): Promise<TuningResult> {
    const { kernel, bucket, workload, cost, untuned } = problem
    const result = { kernel: kernel.name, bucket, workload, cost, untuned, preferred: [], candidates: [] }
    let trial: Trial | undefined
    try {
      trial = new Trial(this.#device, problem)
      const reference = await this.#reference(problem, trial)
      this.#clock ??= await clockFor(this.#device, trial, portableOf(problem))
      return { ...result, ...(await this.#compete(problem, trial, reference, this.#clock)) }
    } catch (error) {
      return { ...result, reason: reasonOf(error) }
    } finally {
      trial?.dispose()
      this.#device.pool.trim()
    }
  }

  /** What the portable variant computes. That it fails is a fault like any other. */
  async #reference(problem: TuningProblem, trial: Trial): Promise<TensorData[]> {
    const portable = portableOf(problem)
    const reference = await trial.results(portable).catch((error: unknown) => {
      if (!isShortage(error)) this.#fault('failed', problem, portable, reasonOf(error))
      throw error
    })
    if (reference.some((values) => values.some(Number.isFinite))) return reference
    throw new ValueError(`kernel ${problem.kernel.name}/${portable} gives no finite value to compare with`)
  }

  async #compete(
    problem: TuningProblem,
    trial: Trial,
    reference: readonly TensorData[],
    clock: Clock,
  ): Promise<Pick<TuningResult, 'preferred' | 'winner' | 'speedup' | 'candidates'>> {
    const { mostMs = 2000, ceilingMs, nearEnough = 0.9, signal } = this.#options
    const portable = portableOf(problem)
    const rejected = new Map<string, CandidateResult>()
    for (const variant of problem.candidates) {
      signal?.throwIfAborted()
      const verdict = variant === portable ? undefined : await this.#judge(problem, trial, reference, variant)
      if (verdict) rejected.set(variant, verdict)
    }
    const sound = problem.candidates.filter((variant) => !rejected.has(variant))
    const leastMs = ceilingMs?.(problem)
    const limits: RaceOptions = {
      mostMs,
      signal,
      enoughMs: leastMs === undefined ? undefined : leastMs / nearEnough,
    }
    const racers = sound.map((variant) => ({ name: variant, record: () => trial.record(variant) }))
    const standings = await race(clock, racers, limits)
    const preferred = ranking(standings, problem.untuned)
    const timeOf = (name: string | undefined) => standings.find((standing) => standing.name === name)?.medianMs
    const [winner] = preferred
    const [winnerMs, untunedMs] = [timeOf(winner), timeOf(problem.untuned)]
    return {
      preferred,
      ...(winner === undefined ? {} : { winner }),
      ...(winnerMs && untunedMs ? { speedup: untunedMs / winnerMs } : {}),
      candidates: problem.candidates.map((variant) => rejected.get(variant) ?? measured(variant, standings)),
    }
  }

  /** Checks a candidate; undefined when it agrees. */
  async #judge(
    problem: TuningProblem,
    trial: Trial,
    reference: readonly TensorData[],
    variant: string,
  ): Promise<CandidateResult | undefined> {
    try {
      const results = await trial.results(variant)
      for (const [i, { dtype }] of problem.outputs.entries()) {
        const allowed = this.#options.tolerance(problem.operation, dtype)
        const { agrees, error, bound } = compareResults(reference[i]!, results[i]!, allowed)
        if (agrees) continue
        const reason = `output ${i} differs by ${error.toPrecision(3)}, allowed is ${bound.toPrecision(3)}`
        this.#fault('wrong', problem, variant, reason)
        return { variant, status: 'wrong', samples: 0, reason }
      }
      return undefined
    } catch (error) {
      // There is nothing to go on with, but it should be known who lost the device.
      if (error instanceof DeviceLostError) this.#fault('failed', problem, variant, error.message)
      const reason = reasonOf(error)
      if (isShortage(error)) return { variant, status: 'unavailable', samples: 0, reason }
      this.#fault('failed', problem, variant, reason)
      return { variant, status: 'failed', samples: 0, reason }
    }
  }

  #fault(
    kind: TuningFault['kind'],
    { kernel, bucket, workload }: TuningProblem,
    variant: string,
    reason: string,
  ): void {
    this.#report({ kind, kernel: kernel.name, variant, bucket, workload, reason })
  }
}

/** What the others are checked against. */
const portableOf = ({ candidates }: TuningProblem): string => candidates.at(-1)!

const measured = (variant: string, standings: readonly Standing[]): CandidateResult => {
  const { medianMs, samples } = standings.find(({ name }) => name === variant)!
  return { variant, status: 'measured', medianMs, samples }
}

/** Names by speed, as far as they are faster than what runs untuned; then that, unless it was rejected. */
function ranking(standings: readonly Standing[], untuned: string): string[] {
  const untunedMs = standings.find(({ name }) => name === untuned)?.medianMs ?? Number.POSITIVE_INFINITY
  const faster = standings
    .filter(({ name, medianMs }) => name !== untuned && medianMs < (1 - leastGain) * untunedMs)
    .sort((a, b) => a.medianMs - b.medianMs)
    .map(({ name }) => name)
  return untunedMs === Number.POSITIVE_INFINITY ? faster : [...faster, untuned]
}

/** The device lacks something: not the variant's fault. */
const isShortage = (error: unknown): boolean =>
  error instanceof LimitError || error instanceof NotSupportedError || error instanceof OutOfMemoryError

/** The message of an error that is about a kernel. Others are thrown on: a lost device, an abort, a mistake of ours. */
function reasonOf(error: unknown): string {
  if (error instanceof VoxgradError && !(error instanceof DeviceLostError)) return error.message
  throw error
}

async function clockFor(device: Device, trial: Trial, variant: string): Promise<Clock> {
  const work = (amount: number) => {
    for (let i = 0; i < amount; i++) trial.record(variant)
  }
  return (await chooseClock(device, work)).clock
}

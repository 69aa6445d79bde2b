/** The tables of `voxgrad tune`. */
import type { TuningResult } from '../engine/index.js'
import type { DevicePlan, DeviceTuning } from '../tuning/index.js'

const widths = [18, 44, 20, 22, 10, 9, 0]

/** Cells in columns of fixed width; longer ones push the rest along. */
const aligned = (cells: readonly string[]): string =>
  cells
    .map((cell, i) => cell.padEnd(widths[i] ?? 0))
    .join(' ')
    .trimEnd()

export const resultHead = aligned(['kernel', 'problems', 'variants', 'winner', 'time', 'speed-up', 'rate'])

/** A kind of problem with its winner. The speed-up is over what runs without measurements. */
export function resultLine(result: TuningResult): string {
  const { kernel, bucket, winner, speedup, candidates, reason, untuned } = result
  if (winner === undefined) return aligned([kernel, bucket, `not measured: ${reason ?? 'no variant is right'}`])
  const ms = candidates.find(({ variant }) => variant === winner)!.medianMs!
  const gain = winner === untuned ? 'as it was' : speedup === undefined ? '-' : `${speedup.toFixed(2)} x`
  return aligned([kernel, bucket, countLine(result), winner, timeText(ms), gain, rateText(result, ms)])
}

function countLine({ candidates }: TuningResult): string {
  const count = (wanted: string) => candidates.filter(({ status }) => status === wanted).length
  const others = ['wrong', 'failed', 'unavailable'].flatMap((status) =>
    count(status) > 0 ? [`${count(status)} ${status}`] : [],
  )
  return [`${count('measured')}`, ...others].join(', ')
}

function timeText(ms: number): string {
  if (ms < 1) return `${(1000 * ms).toPrecision(3)} µs`
  return ms < 1000 ? `${ms.toPrecision(3)} ms` : `${(ms / 1000).toPrecision(3)} s`
}

/** Of arithmetic where the kernel counts it, else of bytes. */
function rateText({ cost }: TuningResult, ms: number): string {
  const perSecond = (amount: number) => {
    const rate = amount / ms / 1e6
    return rate < 100 ? rate.toPrecision(3) : rate.toFixed(0)
  }
  return cost.flops > 0 ? `${perSecond(cost.flops)} GFLOP/s` : `${perSecond(cost.bytes)} GB/s`
}

/** What a run would do. */
export function planLines({ problems, known, tooLarge, failures }: DevicePlan): string[] {
  const line = (mark: string) => (problem: DevicePlan['problems'][number]) =>
    aligned([problem.kernel.name, problem.bucket, mark, problem.workload])
  return [
    aligned(['kernel', 'problems', 'state', 'found in']),
    ...problems.map((problem) => line(`${problem.candidates.length} to measure`)(problem)),
    ...known.map(line('known')),
    ...tooLarge.map(line('too large here')),
    ...failures.map(({ workload, reason }) => `${workload} cannot run here: ${reason}`),
    `${problems.length} kinds of problems to measure, ${known.length} known, ${tooLarge.length} too large for a software adapter`,
  ]
}

export function summaryLines({ results, plan, faults, stored }: DeviceTuning, path: string): string[] {
  const faster = results.filter(({ winner, untuned, speedup }) => winner !== untuned && speedup !== undefined)
  const mean = Math.exp(faster.reduce((sum, { speedup }) => sum + Math.log(speedup!), 0) / faster.length)
  const gain = faster.length > 0 ? `, ${faster.length} of them now faster (${mean.toFixed(2)} x on average)` : ''
  return [
    `${results.length} kinds of problems measured${gain}; ${plan.known.length} were known already`,
    ...plan.failures.map(({ workload, reason }) => `${workload} cannot run here: ${reason}`),
    ...(plan.tooLarge.length > 0 ? [`${plan.tooLarge.length} are too large for a software adapter`] : []),
    ...(faults.length > 0 ? [`${faults.length} variants are wrong or failed: they are not used, and are bugs`] : []),
    stored ? `kept in ${path}` : 'nothing could be kept',
  ]
}

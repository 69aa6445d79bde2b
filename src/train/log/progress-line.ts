import type { StepEvent } from '../trainer/events.js'

/** A step in one line: where training is, how it does, how fast, and how long it will take. */
export function progressLine(event: StepEvent, firstStep: number): string {
  const { step, totalSteps, epoch, loss, samplesPerSecond, liveBytes, peakBytes, elapsedMs, skipped } = event
  const done = step - firstStep
  const left = done > 0 ? ((totalSteps - step) * elapsedMs) / done : Number.NaN
  return [
    `step ${step}/${totalSteps}`,
    `epoch ${epoch}`,
    skipped ? 'left out: gradients overflow' : `loss ${loss.toPrecision(4)}`,
    `${samplesPerSecond.toPrecision(3)} samples/s`,
    `${megabytes(liveBytes)} MB (peak ${megabytes(peakBytes)})`,
    `${duration(left)} left`,
  ].join('  ')
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)

function duration(ms: number): string {
  if (!Number.isFinite(ms)) return '?'
  const seconds = Math.ceil(ms / 1000)
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  if (hours > 0) return `${hours} h ${minutes} min`
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`
}

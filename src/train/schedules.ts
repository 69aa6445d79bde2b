/** Learning rates as functions of the step. */
import { ValueError } from '../engine/index.js'

/** The learning rate of a step, from 0. Steps beyond the last one keep its rate. */
export type Schedule = (step: number) => number

export interface CosineOptions {
  /** Highest learning rate. */
  readonly base: number
  /** Step at which the lowest rate is reached. */
  readonly total: number
  /** Lowest learning rate; default 0. */
  readonly min?: number | undefined
}

export interface WarmupCosineOptions extends CosineOptions {
  /** Steps over which the rate grows linearly from 0 to `base`. */
  readonly warmup: number
}

export interface WarmupPolyOptions {
  readonly base: number
  /** Steps over which the rate grows linearly from 0 to `base`. */
  readonly warmup: number
  /** Step at which the rate reaches 0. */
  readonly total: number
  /** Default 0.9. */
  readonly exponent?: number | undefined
}

/** Half a cosine from `base` at step 0 to `min` at `total`. */
export function cosine({ base, total, min = 0 }: CosineOptions): Schedule {
  return afterWarmup({ base, warmup: 0, total }, (progress) => halfCosine(progress, base, min))
}

/** Linear from 0 to `base` over `warmup` steps, then half a cosine down to `min` at `total`. */
export function warmupCosine({ base, warmup, total, min = 0 }: WarmupCosineOptions): Schedule {
  return afterWarmup({ base, warmup, total }, (progress) => halfCosine(progress, base, min))
}

/** Linear from 0 to `base` over `warmup` steps, then `base * (1 - progress)^exponent` down to 0 at `total`. */
export function warmupPoly({ base, warmup, total, exponent = 0.9 }: WarmupPolyOptions): Schedule {
  return afterWarmup({ base, warmup, total }, (progress) => base * (1 - progress) ** exponent)
}

export interface EpochCosineOptions {
  /** Rate of the first step. */
  readonly warmupStart: number
  /** Steps of the first epoch over which the rate grows linearly to `base`; it then stays there for that epoch. */
  readonly warmup: number
  readonly base: number
  readonly min: number
  readonly epochs: number
}

/**
 * fVLM's schedule, by epoch and step within it, both from 0: a linear warm-up in the first epoch, then a cosine that is
 * constant within an epoch.
 */
export function epochCosine(options: EpochCosineOptions): (epoch: number, step: number) => number {
  const { warmupStart, warmup, base, min, epochs } = options
  if (!(warmup >= 1 && epochs >= 1)) {
    throw new ValueError(`schedule: takes at least one step of warm-up and one epoch, got ${warmup} and ${epochs}`)
  }
  return (epoch, step) => {
    if (epoch === 0) return Math.min(base, warmupStart + ((base - warmupStart) * step) / warmup)
    return (base - min) * 0.5 * (1 + Math.cos((Math.PI * epoch) / epochs)) + min
  }
}

const halfCosine = (progress: number, base: number, min: number): number =>
  min + ((base - min) * (1 + Math.cos(Math.PI * progress))) / 2

/** A schedule whose second part depends on the progress from 0 at the end of the warm-up to 1 at `total`. */
function afterWarmup(
  { base, warmup, total }: { base: number; warmup: number; total: number },
  decay: (progress: number) => number,
): Schedule {
  if (!(warmup >= 0 && total > warmup)) {
    throw new ValueError(`schedule: the warm-up of ${warmup} steps must end before the total of ${total}`)
  }
  return (step) => {
    if (step < warmup) return (base * step) / warmup
    return decay((Math.min(step, total) - warmup) / (total - warmup))
  }
}

import { RandomStream } from '../../data/random.js'
import { ValueError } from '../../engine/errors.js'

export interface BootstrapOptions {
  /** Whom each item belongs to. Patients are drawn, with all their items: scans of one patient are not independent. */
  readonly patients: readonly (string | number)[]
  readonly seed: number
  /** Default 1000. */
  readonly replicates?: number
  /** Default 0.95. */
  readonly confidence?: number
}

export interface BootstrapInterval {
  /** The statistic of all items, each counting once. */
  readonly estimate: number
  /** Percentiles of the replicates; NaN when no replicate has a value. */
  readonly low: number
  readonly high: number
  /** Replicates with a value. The others, such as an AUROC of draws without a positive, are left out. */
  readonly defined: number
}

/**
 * A percentile bootstrap by patient. The statistic gets a weight per item, how often it was drawn, such as
 * `(weights) => scores.auroc(weights)`. The same seed gives the same interval on every machine.
 */
export function bootstrap(
  statistic: (weights: Float64Array) => number,
  { patients, seed, replicates = 1000, confidence = 0.95 }: BootstrapOptions,
): BootstrapInterval {
  if (patients.length === 0) throw new ValueError('bootstrap: there are no items')
  if (!Number.isSafeInteger(replicates) || replicates < 1) {
    throw new ValueError(`bootstrap: replicates must be a positive whole number, got ${replicates}`)
  }
  if (!(confidence > 0 && confidence < 1)) {
    throw new ValueError(`bootstrap: confidence must lie between 0 and 1, got ${confidence}`)
  }
  const groups = new Map<string | number, number>()
  const groupOf = Uint32Array.from(patients, (patient) => {
    if (!groups.has(patient)) groups.set(patient, groups.size)
    return groups.get(patient)!
  })
  const random = new RandomStream(seed, BOOTSTRAP_STREAM)
  const weights = new Float64Array(patients.length)
  const drawn = new Uint32Array(groups.size)
  const values: number[] = []
  for (let replicate = 0; replicate < replicates; replicate++) {
    drawn.fill(0)
    for (let n = 0; n < groups.size; n++) drawn[Math.floor(random.uniform(0, groups.size))]!++
    for (let n = 0; n < weights.length; n++) weights[n] = drawn[groupOf[n]!]!
    const value = statistic(weights)
    if (!Number.isNaN(value)) values.push(value)
  }
  values.sort((a, b) => a - b)
  const tail = (1 - confidence) / 2
  return {
    estimate: statistic(weights.fill(1)),
    low: quantile(values, tail),
    high: quantile(values, 1 - tail),
    defined: values.length,
  }
}

/** Its own stream of the seed, so that it shares no draw with anything else that uses the seed. */
const BOOTSTRAP_STREAM = 0x626f6f74

/** The quantile of a sorted list by linear interpolation, as NumPy's default. NaN for an empty list. */
export function quantile(sorted: ArrayLike<number>, fraction: number): number {
  if (sorted.length === 0) return Number.NaN
  const position = fraction * (sorted.length - 1)
  const [low, high] = [sorted[Math.floor(position)]!, sorted[Math.ceil(position)]!]
  return low === high ? low : low + (high - low) * (position - Math.floor(position))
}

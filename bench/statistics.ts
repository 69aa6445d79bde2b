/** Order statistics of samples. Medians, because a shared machine has outliers and no normal distribution. */

/** What is kept of the samples of one case. */
export interface Summary {
  readonly samples: number
  readonly median: number
  readonly p20: number
  readonly p80: number
  /** Median distance from the median. */
  readonly mad: number
  /** Standard deviation over mean: the spread that is flagged, outliers included. */
  readonly cv: number
}

/** Above this coefficient of variation a row is flagged as noisy. */
export const noisyCv = 0.05

/** Quantile by linear interpolation between order statistics; NaN for no samples. */
export function quantile(samples: readonly number[], fraction: number): number {
  if (samples.length === 0) return Number.NaN
  const sorted = [...samples].sort((a, b) => a - b)
  const position = fraction * (sorted.length - 1)
  const below = Math.floor(position)
  const low = sorted[below]!
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!
  return low + (position - below) * (high - low)
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5)

export function summarize(samples: readonly number[]): Summary {
  const middle = median(samples)
  const mean = samples.reduce((sum, value) => sum + value, 0) / samples.length
  const squares = samples.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  // Of a sample, hence n - 1; a single sample says nothing about spread.
  const deviation = samples.length > 1 ? Math.sqrt(squares / (samples.length - 1)) : 0
  return {
    samples: samples.length,
    median: middle,
    p20: quantile(samples, 0.2),
    p80: quantile(samples, 0.8),
    mad: median(samples.map((value) => Math.abs(value - middle))),
    cv: mean > 0 ? deviation / mean : 0,
  }
}

/** Geometric mean of positive numbers, the mean that ratios have; undefined for none. */
export function geometricMean(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}

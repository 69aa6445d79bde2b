/** What the probes of a run say of its cases: the roofline that every row is held against. */
import type { FloatType, Work } from './cost.js'
import type { Probe } from './schema.js'

/**
 * Operations per second that a kernel of this type could reach: matrices where there are any, else ordinary arithmetic.
 * Kernels accumulate in f32 whatever they store, so neither f16 arithmetic nor f16 accumulators count.
 */
export function peakFlops(probes: readonly Probe[], dtype: string): number | undefined {
  const able = probes.filter(
    ({ kind, dtype: operand, resultDtype }) =>
      (kind === 'fma' && operand === 'f32') || (kind === 'matrix' && operand === dtype && resultDtype === 'f32'),
  )
  return largest(able.map(({ value }) => value))
}

/** GB/s at a working set: of the fastest kind of access, at the nearest probe that is at least as large. */
export function peakBandwidth(probes: readonly Probe[], workingSetBytes: number): number | undefined {
  const memory = probes.filter(({ kind, value }) => kind === 'memory' && value !== null)
  const sizes = [...new Set(memory.map((probe) => probe.workingSetBytes!))].sort((a, b) => a - b)
  const size = sizes.find((candidate) => candidate >= workingSetBytes) ?? sizes.at(-1)
  return largest(memory.filter((probe) => probe.workingSetBytes === size).map(({ value }) => value))
}

function largest(values: readonly (number | null)[]): number | undefined {
  const known = values.filter((value) => value !== null)
  return known.length > 0 ? Math.max(...known) : undefined
}

export interface Bound {
  readonly bound: 'compute' | 'memory'
  /** Least milliseconds that the ceilings allow. */
  readonly leastMs: number
}

/** What limits some work, by the roofline of this run; undefined where its probes failed. */
export function boundOf(probes: readonly Probe[], { flops, bytes }: Work, dtype: FloatType): Bound | undefined {
  const peak = peakFlops(probes, dtype)
  const bandwidth = peakBandwidth(probes, bytes)
  if (!peak || !bandwidth || (flops === 0 && bytes === 0)) return undefined
  const computeMs = flops / peak / 1e6
  const memoryMs = bytes / bandwidth / 1e6
  return computeMs >= memoryMs ? { bound: 'compute', leastMs: computeMs } : { bound: 'memory', leastMs: memoryMs }
}

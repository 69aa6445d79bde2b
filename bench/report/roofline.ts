/** The roofline: what each row reaches, under what the probes of the same run allow. */
import { peakBandwidth, peakFlops } from '../ceilings.js'
import type { Probe, Row } from '../schema.js'
import { duration, figure, percent } from './format.js'
import { logScale, margin, plot, point, polyline, text } from './svg.js'

const size = { width: 960, height: 520 }

interface Roof {
  readonly label: string
  /** GFLOP/s, reached from the ridge on. */
  readonly peak: number
  /** GB/s of the slope before it. */
  readonly bandwidth: number
}

/** One roof per peak: types that share one share a line. The slope is memory proper, of the largest working set probed. */
export function roofs(probes: readonly Probe[]): Roof[] {
  const bandwidth = peakBandwidth(probes, Number.POSITIVE_INFINITY)
  if (!bandwidth) return []
  const byPeak = new Map<number, string[]>()
  for (const dtype of ['f32', 'f16']) {
    const peak = peakFlops(probes, dtype)
    if (peak) byPeak.set(peak, [...(byPeak.get(peak) ?? []), dtype])
  }
  return [...byPeak].map(([peak, dtypes]) => {
    return { label: `${dtypes.join(', ')}: ${figure(peak)} GFLOP/s, ${figure(bandwidth)} GB/s`, peak, bandwidth }
  })
}

export function rooflinePlot(probes: readonly Probe[], rows: readonly Row[]): string {
  const shown = rows.filter(({ gflops, intensity }) => gflops !== null && intensity !== null && intensity > 0)
  const lines = roofs(probes)
  if (shown.length === 0) return '<p>No row with operations to count.</p>'
  const ridges = lines.map(({ peak, bandwidth }) => peak / bandwidth)
  const x = logScale([...shown.map((row) => row.intensity!), ...ridges], margin.left, size.width - margin.right)
  const y = logScale(
    [...shown.map((row) => row.gflops!), ...lines.map(({ peak }) => peak)],
    size.height - margin.bottom,
    margin.top,
  )
  const roofLines = lines.map(({ label, peak, bandwidth }, i) => {
    const ridge = Math.min(Math.max(peak / bandwidth, x.low), x.high)
    // The slope enters at the left edge, or at the bottom where it lies below the plot there.
    const entry = Math.max(x.low, y.low / bandwidth)
    const start: [number, number] = [x.at(entry), y.at(entry * bandwidth)]
    const corner: [number, number] = [x.at(ridge), y.at(Math.min(peak, ridge * bandwidth))]
    const end: [number, number] = [x.at(x.high), y.at(peak)]
    return polyline([start, corner, end], `roof roof${i}`) + text(end[0] - 4, end[1] - 5, label, 'text-anchor="end"')
  })
  const points = shown.map((row) =>
    point(x.at(row.intensity!), y.at(row.gflops!), `${row.dtype} ${row.direction}`, rowTitle(row)),
  )
  const frame = { ...size, x, y, xLabel: 'operations per byte', yLabel: 'GFLOP/s' }
  return plot(frame, [...roofLines, ...points].join(''))
}

/** What a row says when pointed at. */
export function rowTitle({ name, direction, dtype, variant, medianMs, gflops, gbps, fractionOfProbe }: Row): string {
  return (
    `${name}, ${direction}, ${dtype}, ${variant}: ${duration(medianMs)}, ${figure(gflops)} GFLOP/s, ` +
    `${figure(gbps)} GB/s, ${percent(fractionOfProbe)} of the probes`
  )
}

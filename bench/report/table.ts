/** The terminal's view of a run, line by line as results come in. */

import type { Header, Probe, Row } from '../schema.js'
import { geometricMean } from '../statistics.js'
import { aligned, duration, figure, percent } from './format.js'

/** Negative widths are flush right. */
const probeWidths = [34, -10, 8, 0]
const rowWidths = [46, 9, 5, -9, -9, -6, -9, -9, -7, -9, 0]

export function headerLines(header: Omit<Header, 'probes'>): string[] {
  const { adapter, driver, version, commit, dirty, webgpu, node, os, cpu, profile, quick, preferences, method } = header
  return [
    `voxgrad ${version} (${commit.slice(0, 10)}${dirty ? ', with changes' : ''}), webgpu ${webgpu}, node ${node}, ${os}`,
    `${adapter.description || adapter.device} (${driver}) on ${cpu}, profile ${profile}${quick ? ', quick' : ''}`,
    ...(preferences === undefined ? [] : [`variants: ${preferences}`]),
    method,
  ]
}

export const probeHead = aligned(['probe', 'value', 'unit', 'a ceiling of'], probeWidths)

export function probeLine({ name, value, unit, status, ceilingOf, note }: Probe): string {
  const text = status === 'ok' ? ceilingOf : `${status}: ${note}`
  return aligned([name, figure(value), unit, text], probeWidths)
}

export const rowHead = aligned(
  ['case', 'direction', 'type', 'median', 'spread', 'clock', 'GFLOP/s', 'GB/s', 'probe', 'cold', 'kernel'],
  rowWidths,
)

export function rowLine(row: Row): string {
  const { name, direction, dtype, status, medianMs, p20Ms, p80Ms, clock, gflops, gbps, fractionOfProbe } = row
  if (status !== 'ok') {
    const error = status === 'wrong' ? ` (error ${row.maxRelError})` : ''
    return aligned([name, direction, dtype, `${status.toUpperCase()}${error}`, row.variant, row.note], [46, 9, 5])
  }
  const spread = medianMs && p20Ms !== null && p80Ms !== null ? percent((p80Ms - p20Ms) / medianMs) : '-'
  return aligned(
    [
      name,
      direction,
      dtype,
      duration(medianMs),
      spread,
      clock === 'wall' ? 'wall' : 'gpu',
      figure(gflops),
      figure(gbps),
      percent(fractionOfProbe),
      duration(row.coldMedianMs),
      `${row.variant}${flags(row)}`,
    ],
    rowWidths,
  )
}

function flags({ correct, note, peers }: Row): string {
  const marks = [
    ...(correct === null && !note.startsWith('host') ? ['unchecked'] : []),
    ...(note.includes('noisy') ? ['noisy'] : []),
    ...peers.map(
      ({ name, ratio, note: reason }) => `${name} ${ratio === null ? `- (${reason})` : `${figure(ratio)}x`}`,
    ),
  ]
  return marks.length > 0 ? `  [${marks.join('; ')}]` : ''
}

/** Geometric mean of each peer's ratios, over the cases that both could run with the same result. */
export function peerMeans(rows: readonly Row[]): { name: string; version: string; mean: number; cases: number }[] {
  const all = rows.flatMap(({ peers }) => peers)
  return [...new Set(all.map(({ name }) => name))].flatMap((name) => {
    const results = all.filter((peer) => peer.name === name && peer.ratio !== null)
    const mean = geometricMean(results.map(({ ratio }) => ratio!))
    return mean === undefined ? [] : [{ name, version: results[0]!.version, mean, cases: results.length }]
  })
}

export function summaryLines(rows: readonly Row[]): string[] {
  const count = (status: Row['status']) => rows.filter((row) => row.status === status).length
  const statuses = (['ok', 'wrong', 'failed', 'unsupported', 'skipped'] as const).map((s) => `${count(s)} ${s}`)
  const timed = rows.filter(({ status }) => status === 'ok')
  const noisy = timed.filter(({ note }) => note.includes('noisy')).length
  const unchecked = timed.filter(({ correct, direction }) => correct === null && direction !== 'host').length
  return [
    `${rows.length} rows: ${statuses.join(', ')}; ${noisy} noisy (CV above 5 %), ${unchecked} unchecked`,
    ...peerMeans(rows).map(
      ({ name, version, mean, cases }) =>
        `${name} ${version}: takes ${figure(mean)} times our time (geometric mean of ${cases} cases)`,
    ),
  ]
}

/** The README's performance tables, from stored runs: one part per device and profile. */

import { type Row, type Run, rowKey } from '../schema.js'
import { quickElementwise } from '../shapes.js'
import { deviceId } from './compare.js'
import { duration, figure, markdownTable, percent } from './format.js'
import { peerMeans } from './table.js'

export const beginMark = '<!-- bench:begin -->'
export const endMark = '<!-- bench:end -->'

/** `text` with the block between the marks replaced. Throws an error when the marks are missing. */
export function replaceBlock(text: string, block: string): string {
  const begin = text.indexOf(beginMark)
  const end = text.indexOf(endMark)
  if (begin < 0 || end < begin) throw new Error(`there is no block between ${beginMark} and ${endMark}`)
  return `${text.slice(0, begin + beginMark.length)}\n\n${block}\n\n${text.slice(end)}`
}

/**
 * The newest full run of each device and profile; a quick one where there is no other, and one of nothing but models too:
 * those take long, are measured alone, and are shown from whichever run has them.
 */
export function newestRuns(runs: readonly Run[]): Run[] {
  const chosen = new Map<string, Run>()
  const worth = ({ header, rows }: Run) => (rows.every(isModel) ? 0 : header.quick ? 1 : 2)
  for (const run of oldestFirst(runs)) {
    const key = machineOf(run)
    const known = chosen.get(key)
    if (!known || worth(run) >= worth(known)) chosen.set(key, run)
  }
  return [...chosen.values()]
}

const machineOf = ({ header }: Run): string => `${deviceId(header)} ${header.profile}`

const oldestFirst = (runs: readonly Run[]): Run[] =>
  [...runs].sort((a, b) => a.header.date.localeCompare(b.header.date))

const isModel = ({ direction }: Row): boolean => direction === 'model'

export function performanceTables(runs: readonly Run[]): string {
  const newest = newestRuns(runs)
  if (newest.length === 0) return 'No run is stored in `bench/results` yet.'
  return newest
    .map((run) => {
      const ofMachine = runs.filter((other) => machineOf(other) === machineOf(run))
      return [...deviceTables(run), modelTable(ofMachine)].filter((part) => part !== '').join('\n\n')
    })
    .join('\n\n')
}

function deviceTables({ header, rows }: Run): string[] {
  const { adapter, driver, profile, date, commit, dirty, version, webgpu, node, quick } = header
  const facts =
    `${driver}, profile ${profile}, voxgrad ${version} (${commit.slice(0, 10)}${dirty ? ', with changes' : ''}), ` +
    `webgpu ${webgpu}, Node ${node}, ${date.slice(0, 10)}${quick ? ', a quick run' : ''}`
  const timed = rows.filter((row) => row.status === 'ok' && row.picked && row.direction !== 'host' && !isModel(row))
  const memory = largestOfEach(timed.filter(({ bound }) => bound === 'memory'))
  return [
    `### ${adapter.device || adapter.description}`,
    facts,
    probeTable(header),
    kernelTable(
      timed.filter(({ bound }) => bound === 'compute'),
      'GFLOP/s',
      ({ gflops }) => gflops,
    ),
    kernelTable(memory, 'GB/s', ({ gbps }) => gbps),
    peerTable(rows),
  ]
}

/** Every model from the newest run that has it, full ones before quick ones. */
function modelTable(runs: readonly Run[]): string {
  const newest = new Map<string, { row: Row; header: Run['header'] }>()
  const quickFirst = oldestFirst(runs).sort((a, b) => Number(b.header.quick) - Number(a.header.quick))
  for (const { header, rows } of quickFirst) {
    for (const row of rows) if (row.status === 'ok' && isModel(row)) newest.set(rowKey(row), { row, header })
  }
  if (newest.size === 0) return ''
  return markdownTable(
    ['Model', 'Type', 'Time', 'GFLOP/s', 'Run', 'Notes'],
    [...newest.values()].map(({ row, header }) => [
      ...[row.name, row.dtype, duration(row.medianMs), figure(row.gflops)],
      ...[`${header.date.slice(0, 10)}, ${header.commit.slice(0, 10)}${header.quick ? ', quick' : ''}`, row.note],
    ]),
  )
}

/**
 * Of what is bound by memory, each operation's largest case, forward; of the elementwise table, whose rows are all alike,
 * a few. The stored files have the rest.
 */
function largestOfEach(rows: readonly Row[]): Row[] {
  const largest = new Map<string, Row>()
  for (const row of rows) {
    if (row.direction === 'backward' || (row.case === 'bandwidth' && !quickElementwise.has(row.op))) continue
    const key = `${row.op} ${row.dtype}`
    const known = largest.get(key)
    if (!known || row.bytes > known.bytes) largest.set(key, row)
  }
  return [...largest.values()]
}

function probeTable({ probes }: Run['header']): string {
  const shown = probes.filter(({ status }) => status === 'ok')
  if (shown.length === 0) return ''
  return markdownTable(
    ['What the adapter can do', 'Measured'],
    shown.map(({ name, value, unit }) => [name, `${figure(value)} ${unit}`]),
  )
}

function kernelTable(rows: readonly Row[], unit: string, rate: (row: Row) => number | null): string {
  if (rows.length === 0) return ''
  return markdownTable(
    [`Bound by ${unit === 'GB/s' ? 'memory' : 'arithmetic'}`, 'Type', 'Time', unit, 'Of the ceiling'],
    rows.map((row) => [
      `${row.name}${row.direction === 'backward' ? ', backward' : ''}`,
      row.dtype,
      duration(row.medianMs),
      figure(rate(row)),
      percent(row.fractionOfProbe),
    ]),
  )
}

function peerTable(rows: readonly Row[]): string {
  const means = peerMeans(rows)
  if (means.length === 0) return ''
  return markdownTable(
    ['Library', 'Its time over ours', 'Cases'],
    means.map(({ name, version, mean, cases }) => [`${name} ${version}`, figure(mean), String(cases)]),
  )
}

/** Rows as comma-separated values (RFC 4180), one line per row; peers as `name version median_ms ratio`. */
import type { Row } from '../schema.js'

const columns = [
  'name',
  'op',
  'case',
  'variant',
  'picked',
  'direction',
  'dtype',
  'shape',
  'options',
  'status',
  'correct',
  'maxRelError',
  'clock',
  'samples',
  'repeats',
  'medianMs',
  'p20Ms',
  'p80Ms',
  'madMs',
  'cv',
  'coldMedianMs',
  'flops',
  'bytes',
  'gflops',
  'gbps',
  'intensity',
  'bound',
  'fractionOfProbe',
  'pace',
  'peers',
  'note',
] as const satisfies readonly (keyof Row)[]

export function toCsv(rows: readonly Row[]): string {
  const lines = rows.map((row) => columns.map((column) => csvCell(cellText(row, column))).join(','))
  return `${[columns.join(','), ...lines].join('\r\n')}\r\n`
}

function cellText(row: Row, column: (typeof columns)[number]): string {
  if (column === 'shape') return row.shape.map((shape) => shape.join('x')).join(' ')
  if (column === 'peers') {
    return row.peers
      .map(({ name, version, medianMs, ratio, note }) => `${name} ${version} ${medianMs ?? note} ${ratio ?? ''}`.trim())
      .join('; ')
  }
  const value = row[column]
  if (value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Quotes a cell that holds a separator, a quote or a line break. */
export function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Numbers and lines as all reports print them. */

/** Three significant digits without an exponent, as in `0.00123`, `12.3`, `1230`; a dash for nothing. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '-'
  if (value === 0) return '0'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toFixed(Math.min(digits, 8))
}

/** Milliseconds in the unit that suits them. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return '-'
  if (ms < 1e-3) return `${figure(1e6 * ms)} ns`
  if (ms < 1) return `${figure(1000 * ms)} µs`
  return ms < 1000 ? `${figure(ms)} ms` : `${figure(ms / 1000)} s`
}

export function percent(share: number | null | undefined, digits = 0): string {
  return share === null || share === undefined ? '-' : `${(100 * share).toFixed(digits)} %`
}

/** Cells in columns of fixed width; longer cells push the rest along rather than being cut. */
export function aligned(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, i) => {
      const width = widths[i] ?? 0
      return width < 0 ? cell.padStart(-width) : cell.padEnd(width)
    })
    .join(' ')
    .trimEnd()
}

/** Markdown with its cells kept in their columns. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  // Figures are read down the column, so all but the first column are flush right.
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

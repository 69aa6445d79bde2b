/** The summary of `voxgrad data check` as one HTML file that needs nothing else. */
import type { DatasetCheck, Spread } from '../data/index.js'
import { escapeHtml } from './html.js'

/** Rows of findings shown; the JSON has them all. */
const MOST_ROWS = 500

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; width: 100%; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.problem { color: #c0392b; font-weight: 600; }
.notice { color: #b9770e; font-weight: 600; }
.bar { display: inline-block; height: .7rem; background: #2e86c1; }
code { font-size: .9em; overflow-wrap: anywhere; }
`

/** A page about a checked data set. Every text from the data set is escaped. */
export function dataCheckHtml(check: DatasetCheck): string {
  const problems = check.findings.filter(({ severity }) => severity === 'problem').length
  const notices = check.findings.length - problems
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(check.name)}: data check</title>
<style>${style}</style>
<h1>${escapeHtml(check.name)}</h1>
<p><code>${escapeHtml(check.folder)}</code><br>Licence: ${escapeHtml(check.licence)}</p>
<p><span class="${problems > 0 ? 'problem' : ''}">problems: ${problems}</span>, notices: ${notices}</p>
${check.notes.map((note) => `<p>${escapeHtml(note)}</p>`).join('\n')}
<h2>Contents</h2>
${table(
  ['split', 'studies', 'patients', 'images', 'masks', 'reports'],
  Object.entries(check.counts).map(([split, counts]) => [
    escapeHtml(split),
    ...[counts.studies, counts.patients, counts.images, counts.masks, counts.reports].map(number),
  ]),
)}
<h2>Geometry</h2>
${table(
  ['axis', 'voxels (min, median, max)', 'spacing in mm (min, median, max)'],
  check.geometry.axes.map(({ voxels, spacingMm }, axis) => [`${axis}`, spread(voxels), spread(spacingMm)]),
)}
${table(['orientation', 'images', ''], bars(check.geometry.orientations))}
${table(['stored type', 'images', ''], bars(check.geometry.dtypes))}
${labelTable(check)}
<h2>Findings</h2>
${table(
  ['severity', 'kind', 'what', 'where'],
  check.findings
    .slice(0, MOST_ROWS)
    .map(({ severity, kind, message, names }) => [
      `<span class="${severity}">${severity}</span>`,
      escapeHtml(kind),
      escapeHtml(message),
      `<code>${escapeHtml(names.slice(0, 8).join(', '))}${names.length > 8 ? ` and ${names.length - 8} more` : ''}</code>`,
    ]),
)}
${check.findings.length > MOST_ROWS ? `<p>The first ${MOST_ROWS} of ${check.findings.length}.</p>` : ''}
</html>
`
}

function labelTable({ labels }: DatasetCheck): string {
  const rows = Object.entries(labels).map(([name, { present, labelled }]) => [
    escapeHtml(name),
    number(present),
    number(labelled),
    bar(present / labelled),
  ])
  return rows.length === 0 ? '' : `<h2>Labels</h2>${table(['finding', 'present', 'labelled', ''], rows)}`
}

/** Cells are HTML already. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '<p>None.</p>'
  const cells = (row: readonly string[]) =>
    row.map((cell) => (cell.startsWith('<td') ? cell : `<td>${cell}</td>`)).join('')
  const body = rows.map((row) => `<tr>${cells(row)}</tr>`).join('\n')
  return `<table><tr>${head.map((title) => `<th>${title}</th>`).join('')}</tr>\n${body}</table>`
}

function bars(counts: Readonly<Record<string, number>>): string[][] {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
  return Object.entries(counts).map(([name, count]) => [escapeHtml(name), number(count), bar(count / total)])
}

const number = (value: number): string => `<td class="number">${value.toLocaleString('en')}</td>`

const bar = (part: number): string => `<span class="bar" style="width:${(part * 12).toFixed(2)}rem"></span>`

const spread = ({ min, median, max }: Spread): string => [min, median, max].map((value) => +value.toFixed(3)).join(', ')

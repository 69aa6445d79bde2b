/** A run as one page: no script, no font, no image from elsewhere, so that it can be mailed and opened offline. */
import { type Header, type Probe, type Row, type Run, rowKey } from '../schema.js'
import { duration, figure, percent } from './format.js'
import { rooflinePlot, rowTitle } from './roofline.js'
import { escapeText, logScale, margin, plot, point, polyline } from './svg.js'
import { headerLines, summaryLines } from './table.js'

const style = `
:root { color-scheme: light dark; --ink: #1d2430; --paper: #fff; --faint: #d7dce3; --ours: #2f6fd0; --theirs: #9aa4b2;
  --f16: #c2410c; --warn: #b91c1c }
@media (prefers-color-scheme: dark) { :root { --ink: #e5e9f0; --paper: #14181f; --faint: #343b47; --ours: #6ea8ff;
  --theirs: #667085; --f16: #fb923c; --warn: #f87171 } }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1100px;
  margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .15rem .5rem; border-bottom: 1px solid var(--faint); vertical-align: top }
td.n, th.n { text-align: right; white-space: nowrap }
svg { width: 100%; height: auto; font-size: 11px } svg text { fill: var(--ink) }
.grid { stroke: var(--faint); fill: none } .roof { fill: none; stroke: var(--ours); stroke-width: 2 }
.roof1 { stroke: var(--f16) } circle { fill: var(--ours); fill-opacity: .75 } circle.f16 { fill: var(--f16) }
circle.backward { fill-opacity: .2; stroke: var(--ours); stroke-width: 1.5 } circle.backward.f16 { stroke: var(--f16) }
.line { fill: none; stroke: var(--ours); stroke-width: 1.5 } .line1 { stroke: var(--f16) } .line2 { stroke: var(--theirs) }
.bar { height: .8rem; background: var(--ours); display: inline-block; vertical-align: middle } .bar.peer { background: var(--theirs) }
.bars td:last-child { width: 45% } .bad { color: var(--warn) } .note { opacity: .75 } footer { margin-top: 3rem; opacity: .7 }
`

/** `history` holds earlier runs of the same device and profile, oldest first. */
export function toHtml({ header, rows }: Run, history: readonly Run[]): string {
  const sections = [
    section('Ceilings of this run', probeTable(header.probes)),
    section('Memory bandwidth by working set', memoryPlot(header.probes)),
    section('Roofline', `${rooflineKey}${rooflinePlot(header.probes, rows)}`),
    section('Kernels', kernelTable(rows)),
    section('Beside peers', peerBars(rows)),
    section('Not measured', troubleTable(rows)),
    section('History', historyTable(rows, [...history, { header, rows }])),
  ]
  const title = `voxgrad ${header.version} on ${header.adapter.device || header.adapter.description}`
  const facts = [...headerLines(header), ...summaryLines(rows)].map((line) => `<p>${escapeText(line)}</p>`).join('\n')
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeText(title)}</title>
<style>${style}</style></head>
<body>
<h1>${escapeText(title)}</h1>
${facts}
${sections.join('\n')}
<footer>${escapeText(header.date)} · commit ${escapeText(header.commit)}${header.dirty ? ' with changes' : ''}</footer>
</body>
</html>
`
}

const section = (title: string, body: string): string => `<section><h2>${title}</h2>\n${body}</section>`

const rooflineKey =
  '<p class="note">Blue f32, orange f16; filled forward, hollow backward. The slope is memory beyond the caches, so that ' +
  'small cases may lie above it.</p>'

function table(head: readonly string[], rows: readonly (readonly string[])[], className = ''): string {
  const cell = (tag: string) => (content: string, i: number) =>
    `<${tag}${i > 0 ? ' class="n"' : ''}>${content}</${tag}>`
  const body = rows.map((cells) => `<tr>${cells.map(cell('td')).join('')}</tr>`).join('\n')
  return `<table class="${className}"><thead><tr>${head.map(cell('th')).join('')}</tr></thead><tbody>${body}</tbody></table>`
}

function probeTable(probes: readonly Probe[]): string {
  const rows = probes.map(({ name, value, unit, status, ceilingOf, note }) => [
    escapeText(name),
    status === 'ok' ? `${figure(value)} ${unit}` : `<span class="bad">${status}</span>`,
    `<span class="note">${escapeText(status === 'ok' ? ceilingOf : note)}</span>`,
  ])
  return table(['probe', 'value', 'a ceiling of'], rows)
}

function memoryPlot(probes: readonly Probe[]): string {
  const memory = probes.filter(({ kind, value }) => kind === 'memory' && value !== null)
  if (memory.length === 0) return '<p>No memory probe ran.</p>'
  const size = { width: 960, height: 300 }
  const x = logScale(
    memory.map((probe) => probe.workingSetBytes! / 1024),
    margin.left,
    size.width - margin.right,
  )
  const y = logScale(
    memory.map((probe) => probe.value!),
    size.height - margin.bottom,
    margin.top,
  )
  const lines = (['read', 'write', 'copy'] as const).map((access, i) => {
    const mine = memory.filter((probe) => probe.access === access)
    const points = mine.map((probe) => [x.at(probe.workingSetBytes! / 1024), y.at(probe.value!)] as const)
    const marks = points.map(([px, py], k) => point(px, py, 'f32', `${mine[k]!.name}: ${figure(mine[k]!.value)} GB/s`))
    return polyline(points, `line line${i}`) + marks.join('')
  })
  const key = '<p class="note">Blue read, orange write, grey copy (bytes read plus bytes written).</p>'
  return key + plot({ ...size, x, y, xLabel: 'working set, KiB', yLabel: 'GB/s' }, lines.join(''))
}

const bar = (share: number, className = ''): string =>
  `<span class="bar ${className}" style="width:${Math.max(0.3, 100 * share).toFixed(1)}%"></span>`

function kernelTable(rows: readonly Row[]): string {
  const timed = rows.filter(({ medianMs }) => medianMs !== null)
  const lines = timed.map((row) => [
    `<span title="${escapeText(rowTitle(row))}">${escapeText(rowKey(row))}</span>`,
    escapeText(row.variant),
    `${duration(row.medianMs)}${(row.cv ?? 0) > 0.05 ? ' <span class="bad">noisy</span>' : ''}`,
    duration(row.coldMedianMs),
    figure(row.gflops),
    figure(row.gbps),
    percent(row.fractionOfProbe),
    // A bar beyond the end of its cell would be a clamp in disguise; the figure beside it is the whole truth.
    row.fractionOfProbe === null ? '' : bar(Math.min(1, row.fractionOfProbe)),
  ])
  return table(['case', 'kernel', 'median', 'cold', 'GFLOP/s', 'GB/s', 'of probe', ''], lines)
}

function peerBars(rows: readonly Row[]): string {
  const shown = rows.filter(({ peers }) => peers.length > 0)
  if (shown.length === 0) return '<p>No peers in this run (<code>--peers</code>).</p>'
  const lines = shown.flatMap((row) => {
    // Peers are timed by the wall clock, and ours beside them too: their ratio is the comparison, so ours is 1.
    const longest = Math.max(1, ...row.peers.map(({ ratio }) => ratio ?? 0))
    return [
      [`<strong>${escapeText(rowKey(row))}</strong>`, 'voxgrad', '1', bar(1 / longest)],
      ...row.peers.map(({ name, version, medianMs, ratio, note }) => [
        '',
        escapeText(`${name} ${version}`),
        ratio === null ? '-' : `${figure(ratio)} (${duration(medianMs)})`,
        ratio === null ? `<span class="note">${escapeText(note)}</span>` : bar(ratio / longest, 'peer'),
      ]),
    ]
  })
  return table(['case', 'library', 'time over ours', ''], lines, 'bars')
}

function troubleTable(rows: readonly Row[]): string {
  const bad = rows.filter(({ status }) => status !== 'ok')
  if (bad.length === 0) return '<p>Every row was measured.</p>'
  return table(
    ['case', 'status', 'error', 'why'],
    bad.map((row) => [escapeText(rowKey(row)), row.status, figure(row.maxRelError), escapeText(row.note)]),
  )
}

function historyTable(rows: readonly Row[], runs: readonly Run[]): string {
  if (runs.length < 2) return '<p>No earlier run of this device and profile in bench/results.</p>'
  const recent = runs.slice(-8)
  const head = ['case', ...recent.map(({ header }) => runLabel(header))]
  const byKey = recent.map((run) => new Map(run.rows.map((row) => [rowKey(row), row])))
  const lines = rows
    .filter(({ medianMs }) => medianMs !== null)
    .map((row) => [escapeText(rowKey(row)), ...byKey.map((map) => duration(map.get(rowKey(row))?.medianMs))])
  return table(head, lines)
}

const runLabel = ({ date, commit }: Header): string => `${date.slice(0, 10)}<br>${escapeText(commit.slice(0, 7))}`

/** `curves.html`: what the metrics came to, as pictures in one file that refreshes itself while training runs. */
import { writeTextAtomically } from '../../data/index.js'
import type { TrainingObserver } from '../trainer/events.js'
import type { MetricsLine } from './metrics-file.js'

export interface CurvesPage {
  readonly title: string
  readonly lines: readonly MetricsLine[]
  /** Seconds after which a browser loads the page again; undefined when training has ended. */
  readonly refreshSeconds?: number | undefined
}

/** Writes the page behind a step, but not more often than every so many seconds, and behind every evaluation. */
export class CurvesFile implements TrainingObserver {
  readonly #path: string
  readonly #page: Omit<CurvesPage, 'refreshSeconds'>
  readonly #everySeconds: number
  #writtenMs = Number.NEGATIVE_INFINITY

  constructor(path: string, page: Omit<CurvesPage, 'refreshSeconds'>, everySeconds: number) {
    this.#path = path
    this.#page = page
    this.#everySeconds = everySeconds
  }

  async onStep(): Promise<void> {
    if (performance.now() - this.#writtenMs >= 1000 * this.#everySeconds) await this.#write(this.#everySeconds)
  }

  async onEvaluation(): Promise<void> {
    await this.#write(this.#everySeconds)
  }

  /** The last version, which refreshes no more. */
  async onEnd(): Promise<void> {
    await this.#write(undefined)
  }

  async #write(refreshSeconds: number | undefined): Promise<void> {
    await writeTextAtomically(this.#path, curvesPage({ ...this.#page, refreshSeconds }))
    this.#writtenMs = performance.now()
  }
}

/** The page. Every number of the lines that is no bookkeeping is a curve. */
export function curvesPage({ title, lines, refreshSeconds }: CurvesPage): string {
  const curves = curvesOf(lines)
  const refresh = refreshSeconds === undefined ? '' : `<meta http-equiv="refresh" content="${refreshSeconds}">`
  const step = lines.reduce((last, line) => Math.max(last, line.step), 0)
  const state = refreshSeconds === undefined ? 'ended' : 'running'
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">${refresh}<title>${escaped(title)}</title><style>${style}</style></head>
<body><h1>${escaped(title)}</h1><p>Step ${step}, ${state}. Research use only, not for diagnosis.</p>
<main>${Array.from(curves, ([name, points]) => figure(name, points)).join('\n')}</main></body></html>
`
}

const style = `:root{color-scheme:light dark}body{font:14px system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(22em,1fr));gap:1.5em}figure{margin:0}
figcaption{display:flex;justify-content:space-between}svg{width:100%;height:auto}
.line{fill:none;stroke:#2a78c5;stroke-width:1.5}.faint{fill:none;stroke:#2a78c5;opacity:.3}.dot{fill:#2a78c5}
.axis{stroke:currentColor;opacity:.35}text{font-size:10px;fill:currentColor;opacity:.8}`

type Point = readonly [step: number, value: number]

const bookkeeping = new Set(['step', 'epoch', 'elapsedMs', 'liveBytes'])

/** Finite numbers by name; those of a split under its name. Losses come first, then scores. */
function curvesOf(lines: readonly MetricsLine[]): Map<string, Point[]> {
  const curves = new Map<string, Point[]>()
  for (const { split, ...line } of lines) {
    for (const [key, value] of Object.entries(line)) {
      if (bookkeeping.has(key) || typeof value !== 'number' || !Number.isFinite(value)) continue
      const name = split === undefined ? key : `${split} ${key}`
      const points = curves.get(name) ?? []
      points.push([line.step, value])
      curves.set(name, points)
    }
  }
  return curves
}

const [width, height, left, right, top, bottom] = [360, 200, 52, 8, 8, 22] as const

function figure(name: string, all: readonly Point[]): string {
  const points = thinned(all, 600)
  const steps = extent(points.map(([step]) => step))
  const values = extent(points.map(([, value]) => value))
  const x = (step: number) => left + ((step - steps.low) / steps.span) * (width - left - right)
  const y = (value: number) => height - bottom - ((value - values.low) / values.span) * (height - top - bottom)
  const path = (list: readonly Point[]) =>
    list.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(' ')
  const noisy = points.length > 30
  const lines = noisy
    ? `<polyline class="faint" points="${path(points)}"/><polyline class="line" points="${path(smoothed(points))}"/>`
    : `<polyline class="line" points="${path(points)}"/>${points.map(([step, value]) => `<circle class="dot" cx="${x(step).toFixed(1)}" cy="${y(value).toFixed(1)}" r="2"><title>step ${step}: ${short(value)}</title></circle>`).join('')}`
  const ticks = [values.low, values.low + values.span / 2, values.low + values.span]
    .map((value) => {
      const at = y(value).toFixed(1)
      return `<line class="axis" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/><text x="${left - 4}" y="${Number(at) + 3}" text-anchor="end">${short(value)}</text>`
    })
    .join('')
  const ends = `<text x="${left}" y="${height - 6}">${steps.low}</text><text x="${width - right}" y="${height - 6}" text-anchor="end">${steps.low + steps.span}</text>`
  const [, last] = all.at(-1)!
  return `<figure><figcaption><b>${escaped(name)}</b><span>${short(last)}</span></figcaption><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(name)}">${ticks}${ends}${lines}</svg></figure>`
}

/** A range that is never empty. */
function extent(numbers: readonly number[]): { readonly low: number; readonly span: number } {
  const low = numbers.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY)
  const high = numbers.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
  return { low, span: high - low || Math.abs(low) || 1 }
}

/** Means of neighbours, so that there are at most `count` points. */
function thinned(points: readonly Point[], count: number): Point[] {
  const size = Math.ceil(points.length / count)
  if (size <= 1) return [...points]
  return Array.from({ length: Math.ceil(points.length / size) }, (_, n) => {
    const part = points.slice(n * size, (n + 1) * size)
    return [part.at(-1)![0], part.reduce((sum, [, value]) => sum + value, 0) / part.length] as const
  })
}

/** A running average that starts at the first value. */
function smoothed(points: readonly Point[]): Point[] {
  let average = points[0]![1]
  return points.map(([step, value]) => {
    average += 0.1 * (value - average)
    return [step, average] as const
  })
}

const short = (value: number): string =>
  value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)
    ? value.toExponential(2)
    : String(Number(value.toPrecision(4)))

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return text.replace(/[&<>"]/g, (character) => entities[character]!)
}

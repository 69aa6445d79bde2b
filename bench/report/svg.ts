/** The little of SVG that the report draws: scales, axes, lines, points. Everything is text; nothing is loaded. */

export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

/** Maps a logarithmic range to pixels. */
export interface LogScale {
  readonly low: number
  readonly high: number
  at(value: number): number
}

/** A scale whose ends are powers of ten around `values`. */
export function logScale(values: readonly number[], from: number, to: number): LogScale {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value))
  const low = 10 ** Math.floor(Math.log10(Math.min(...positive, 1e3)))
  const high = Math.max(10 * low, 10 ** Math.ceil(Math.log10(Math.max(...positive, low))))
  const span = Math.log10(high / low)
  return { low, high, at: (value) => from + ((to - from) * Math.log10(value / low)) / span }
}

/** Powers of ten within a scale. */
export function decades({ low, high }: LogScale): number[] {
  const count = Math.round(Math.log10(high / low))
  return Array.from({ length: count + 1 }, (_, i) => low * 10 ** i)
}

const number = (value: number): string => value.toFixed(1)

export function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${number(x)}" y="${number(y)}" ${attributes}>${escapeText(content)}</text>`
}

export function polyline(points: readonly (readonly [number, number])[], className: string): string {
  return `<polyline class="${className}" points="${points.map(([x, y]) => `${number(x)},${number(y)}`).join(' ')}"/>`
}

/** A point with a text that appears under the pointer. */
export function point(x: number, y: number, className: string, title: string): string {
  return `<circle class="${className}" cx="${number(x)}" cy="${number(y)}" r="4"><title>${escapeText(title)}</title></circle>`
}

export interface Frame {
  readonly width: number
  readonly height: number
  readonly x: LogScale
  readonly y: LogScale
  readonly xLabel: string
  readonly yLabel: string
}

/** Room for labels: left and bottom. */
export const margin = { left: 64, right: 16, top: 12, bottom: 44 }

/** A logarithmic plot: grid, labels, and what is drawn on it. */
export function plot({ width, height, x, y, xLabel, yLabel }: Frame, content: string): string {
  const bottom = height - margin.bottom
  const vertical = decades(x).map((value) => {
    const at = x.at(value)
    return `${polyline(
      [
        [at, margin.top],
        [at, bottom],
      ],
      'grid',
    )}${text(at, bottom + 16, shortNumber(value), 'text-anchor="middle"')}`
  })
  const horizontal = decades(y).map((value) => {
    const at = y.at(value)
    return `${polyline(
      [
        [margin.left, at],
        [width - margin.right, at],
      ],
      'grid',
    )}${text(margin.left - 6, at + 4, shortNumber(value), 'text-anchor="end"')}`
  })
  const labels = [
    text((margin.left + width) / 2, height - 8, xLabel, 'text-anchor="middle"'),
    text(0, 0, yLabel, `text-anchor="middle" transform="translate(14 ${number(bottom / 2)}) rotate(-90)"`),
  ]
  return `<svg viewBox="0 0 ${width} ${height}" role="img">${[...vertical, ...horizontal, ...labels].join('')}${content}</svg>`
}

/** As in `0.01`, `100`, `10k`, `1M`. */
export function shortNumber(value: number): string {
  if (value >= 1e9) return `${value / 1e9}G`
  if (value >= 1e6) return `${value / 1e6}M`
  if (value >= 1e3) return `${value / 1e3}k`
  return String(Number(value.toPrecision(3)))
}

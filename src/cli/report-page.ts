/** The page that reports of findings share: it needs nothing else, and fetches nothing. */
import { escapeHtml } from './html.js'

export interface ReportFacts {
  readonly notice: string
  readonly note: string | undefined
  /** Name and fingerprint of the model, the device, the version of the package. */
  readonly provenance: string
}

export interface ReportPage {
  readonly title: string
  readonly facts: ReportFacts
  /** HTML, in which every text from outside is escaped already. */
  readonly body: string
  readonly style?: string
  readonly script?: string
}

const commonStyle = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 75rem; margin: 1.5rem auto; padding: 0 1rem; }
.notice { border-left: .3rem solid #c0392b; padding: .3rem .8rem; font-weight: 600; }
section { margin: 2rem 0; }
figure { margin: 0; position: relative; background: #000; overflow: hidden; border-radius: .3rem; }
figure img { display: block; width: 100%; image-rendering: auto; }
.finding { display: grid; grid-template-columns: 16rem 1fr 4rem; gap: .8rem; align-items: center; padding: .15rem .4rem; border-radius: .3rem; }
.finding .track { position: relative; height: .9rem; background: #8883; border-radius: .2rem; }
.finding .bar { position: absolute; inset: 0 auto 0 0; background: #2e86c1; border-radius: .2rem; }
.finding .half { position: absolute; inset: 0 auto 0 50%; border-left: 1px dashed #888; }
.finding .value { text-align: right; font-variant-numeric: tabular-nums; }
small, code { overflow-wrap: anywhere; color: #888; }
`

export function reportPage({ title, facts, body, style = '', script }: ReportPage): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${commonStyle}${style}</style>
<h1>${escapeHtml(title)}</h1>
<p class="notice">${escapeHtml(facts.notice)}${facts.note === undefined ? '' : `<br>${escapeHtml(facts.note)}`}</p>
${body}
<p><small>${escapeHtml(facts.provenance)}</small></p>
${script === undefined ? '' : `<script>${script}</script>\n`}</html>
`
}

/** The bar and the number of a probability. */
export const probabilityBar = (probability: number): string =>
  `<span class="track"><span class="bar" style="width:${(100 * probability).toFixed(1)}%"></span><span class="half"></span></span>
<span class="value">${probability.toFixed(3)}</span>`

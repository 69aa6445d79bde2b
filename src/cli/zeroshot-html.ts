/** The findings of scans as one page that needs nothing else. */
import type { FindingScore } from '../inference/index.js'
import { dataUrl, escapeHtml } from './html.js'
import type { ScanPictures } from './scan-pictures.js'

export interface ReportedScan {
  readonly scan: string
  readonly findings: readonly FindingScore[]
  /** Maps are in the order of the findings. */
  readonly pictures: ScanPictures
}

export interface ReportFacts {
  readonly notice: string
  readonly note: string | undefined
  /** Name and fingerprint of the model, the device, the version of the package. */
  readonly provenance: string
}

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 75rem; margin: 1.5rem auto; padding: 0 1rem; }
.notice { border-left: .3rem solid #c0392b; padding: .3rem .8rem; font-weight: 600; }
section { margin: 2rem 0; }
figure { margin: 0; position: relative; background: #000; overflow: hidden; border-radius: .3rem; }
figure img { display: block; width: 100%; image-rendering: auto; }
figure img.map { position: absolute; inset: 0; height: 100%; opacity: .6; visibility: hidden; }
figure img.map.shown { visibility: visible; }
.finding { display: grid; grid-template-columns: 16rem 1fr 4rem; gap: .8rem; align-items: center; padding: .15rem .4rem; cursor: pointer; border-radius: .3rem; }
.finding:has(input:checked) { background: #8882; }
.finding .track { position: relative; height: .9rem; background: #8883; border-radius: .2rem; }
.finding .bar { position: absolute; inset: 0 auto 0 0; background: #2e86c1; border-radius: .2rem; }
.finding .half { position: absolute; inset: 0 auto 0 50%; border-left: 1px dashed #888; }
.finding .value { text-align: right; font-variant-numeric: tabular-nums; }
.controls { display: flex; gap: 1.5rem; align-items: center; margin: .5rem 0; flex-wrap: wrap; }
small, code { overflow-wrap: anywhere; color: #888; }
`

/** Works without it, too: the first map is shown. */
const script = `
for (const section of document.querySelectorAll('section')) {
  const maps = section.querySelectorAll('img.map')
  const caption = section.querySelector('.caption')
  const show = (n) => {
    maps.forEach((map, k) => map.classList.toggle('shown', k === n))
    caption.textContent = n < 0 ? 'no overlay' : maps[n].alt
  }
  for (const input of section.querySelectorAll('input[type=radio]')) input.addEventListener('change', () => show(Number(input.value)))
  section.querySelector('input[type=range]').addEventListener('input', (event) => {
    for (const map of maps) map.style.opacity = event.target.value
  })
}
`

/** Every text from outside is escaped; nothing is fetched from anywhere. */
export function zeroShotHtml(scans: readonly ReportedScan[], facts: ReportFacts): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>Zero-shot findings</title>
<style>${style}</style>
<h1>Zero-shot findings</h1>
<p class="notice">${escapeHtml(facts.notice)}${facts.note === undefined ? '' : `<br>${escapeHtml(facts.note)}`}</p>
<p>Bars are the probability of each finding's prompt against its negation; what they mean is their order from scan to
scan, not their height. Choose a finding to see where the scan looks like it.</p>
${scans.map(section).join('\n')}
<p><small>${escapeHtml(facts.provenance)}</small></p>
<script>${script}</script>
</html>
`
}

function section({ scan, findings, pictures }: ReportedScan, n: number): string {
  const { width, height, maps } = pictures
  const overlays = maps.map((map, k) => {
    const range = `${map.lowest.toFixed(3)} (transparent) to ${map.highest.toFixed(3)} (yellow)`
    const label = `${findings[k]!.prompts.positive}: cosine ${range}`
    return `<img class="map${k === 0 ? ' shown' : ''}" alt="${escapeHtml(label)}" src="${dataUrl('image/png', map.png)}">`
  })
  const first = /alt="([^"]*)"/.exec(overlays[0] ?? '')?.[1] ?? ''
  return `<section>
<h2>${escapeHtml(scan)}</h2>
<figure style="max-width:${width * 2}px; aspect-ratio:${width}/${height}">
<img alt="axial, coronal and sagittal plane" src="${dataUrl('image/png', pictures.scan)}">
${overlays.join('\n')}
</figure>
<div class="controls"><label>overlay <input type="range" min="0" max="1" step="0.05" value="0.6"></label>
<label><input type="radio" name="map${n}" value="-1"> none</label><small class="caption">${first}</small></div>
${findings.map((finding, k) => row(finding, n, k)).join('\n')}
</section>`
}

function row({ finding, probability, prompts, similarity }: FindingScore, section: number, n: number): string {
  const percent = (100 * probability).toFixed(1)
  const title = `"${prompts.positive}" ${similarity.positive.toFixed(4)}, "${prompts.negative}" ${similarity.negative.toFixed(4)}`
  return `<label class="finding" title="${escapeHtml(title)}">
<span><input type="radio" name="map${section}" value="${n}"${n === 0 ? ' checked' : ''}> ${escapeHtml(finding)}</span>
<span class="track"><span class="bar" style="width:${percent}%"></span><span class="half"></span></span>
<span class="value">${probability.toFixed(3)}</span></label>`
}

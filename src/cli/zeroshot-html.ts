/** The findings of scans as one page that needs nothing else. */
import type { FindingScore } from '../inference/index.js'
import { dataUrl, escapeHtml } from './html.js'
import { probabilityBar, type ReportFacts, reportPage } from './report-page.js'
import type { ScanPictures } from './scan-pictures.js'

export interface ReportedScan {
  readonly scan: string
  readonly findings: readonly FindingScore[]
  /** Maps are in the order of the findings. */
  readonly pictures: ScanPictures
}

const style = `
figure img.map { position: absolute; inset: 0; height: 100%; opacity: .6; visibility: hidden; }
figure img.map.shown { visibility: visible; }
.finding { cursor: pointer; }
.finding:has(input:checked) { background: #8882; }
.controls { display: flex; gap: 1.5rem; align-items: center; margin: .5rem 0; flex-wrap: wrap; }
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
  const body = `<p>Bars are the probability of each finding's prompt against its negation; what they mean is their order from scan to
scan, not their height. Choose a finding to see where the scan looks like it.</p>
${scans.map(section).join('\n')}`
  return reportPage({ title: 'Zero-shot findings', facts, body, style, script })
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
  const title = `"${prompts.positive}" ${similarity.positive.toFixed(4)}, "${prompts.negative}" ${similarity.negative.toFixed(4)}`
  return `<label class="finding" title="${escapeHtml(title)}">
<span><input type="radio" name="map${section}" value="${n}"${n === 0 ? ' checked' : ''}> ${escapeHtml(finding)}</span>
${probabilityBar(probability)}</label>`
}

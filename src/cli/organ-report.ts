/** The findings of scans organ by organ, as one page that needs nothing else. */
import { labelColour } from '../data/index.js'
import { dataUrl, escapeHtml } from './html.js'
import type { OrganPicture } from './organ-pictures.js'
import { probabilityBar, type ReportFacts, reportPage } from './report-page.js'

/** A finding as results keep it. */
export interface OrganFinding {
  readonly finding: string
  readonly anatomy: string
  /** Null where the mask does not show the anatomy. */
  readonly probability: number | null
  readonly prompts: { readonly positive: string; readonly negative: string }
}

export interface ReportedOrgans {
  readonly scan: string
  readonly findings: readonly OrganFinding[]
  readonly pictures: readonly OrganPicture[]
}

const style = `
h3 { text-transform: capitalize; margin: 1.2rem 0 .4rem; }
.key { display: inline-block; width: .9rem; height: .9rem; border-radius: .2rem; margin-right: .5rem; vertical-align: -.1rem; }
.missing { color: #c0392b; }
`

/** Every text from outside is escaped; nothing is fetched from anywhere. */
export function organReportHtml(
  scans: readonly ReportedOrgans[],
  anatomies: readonly string[],
  facts: ReportFacts,
): string {
  const body = `<p>Bars are the probability of each finding's prompt against its negation, judged by the part of the scan that the mask
gives to its organ; what they mean is their order from scan to scan, not their height. The lines are the mask's.</p>
${scans.map((scan) => section(scan, anatomies)).join('\n')}`
  return reportPage({ title: 'Zero-shot findings, organ by organ', facts, body, style })
}

function section({ scan, findings, pictures }: ReportedOrgans, anatomies: readonly string[]): string {
  const organs = anatomies.map((anatomy, n) => {
    const own = findings.filter((finding) => finding.anatomy === anatomy)
    const picture = pictures.find((candidate) => candidate.anatomy === anatomy)
    const heading = `<h3><span class="key" style="background:rgb(${labelColour(n + 1).join()})"></span>${escapeHtml(anatomy)}</h3>`
    return picture
      ? `${heading}\n${figure(picture)}\n${own.map(row).join('\n')}`
      : `${heading}\n${absent(anatomy, own)}`
  })
  return `<section>\n<h2>${escapeHtml(scan)}</h2>\n${organs.join('\n')}\n</section>`
}

const figure = ({ anatomy, width, height, png }: OrganPicture): string =>
  `<figure style="max-width:${width * 2}px; aspect-ratio:${width}/${height}"><img alt="axial, coronal and sagittal plane ` +
  `through the middle of: ${escapeHtml(anatomy)}" src="${dataUrl('image/png', png)}"></figure>`

function absent(anatomy: string, findings: readonly OrganFinding[]): string {
  const names = findings.map(({ finding }) => escapeHtml(finding)).join(', ')
  const missing = names === '' ? '' : ` Missing: ${names}.`
  return `<p class="missing">The mask does not show the ${escapeHtml(anatomy)}.${missing}</p>`
}

function row({ finding, probability, prompts }: OrganFinding): string {
  const title = `"${prompts.positive}" against "${prompts.negative}"`
  return `<div class="finding" title="${escapeHtml(title)}"><span>${escapeHtml(finding)}</span>
${probabilityBar(probability!)}</div>`
}

import type { Triple } from '../geometry.js'
import type { LungLobe } from './chest-anatomy.js'

/** What was put into a phantom beyond normal anatomy: the ground truth of its report. */
export type PhantomFinding =
  | { kind: 'nodule'; lobe: LungLobe; centreMm: Triple; diameterMm: number }
  | { kind: 'effusion'; side: 'right' | 'left'; size: 'small' | 'moderate' | 'large'; depthMm: number }

/** One line of prose: what is there, then what is not. */
export function describeFindings(findings: readonly PhantomFinding[]): string {
  const sentences = findings.map(describe)
  const has = (kind: PhantomFinding['kind']) => findings.some((finding) => finding.kind === kind)
  if (!has('nodule')) sentences.push('No pulmonary nodule.')
  if (!has('effusion')) sentences.push('No pleural effusion.')
  return sentences.join(' ')
}

function describe(finding: PhantomFinding): string {
  switch (finding.kind) {
    case 'nodule':
      return `Nodule of ${finding.diameterMm} mm in the ${finding.lobe}.`
    case 'effusion':
      return `${finding.size[0]!.toUpperCase()}${finding.size.slice(1)} pleural effusion on the ${finding.side}.`
  }
}

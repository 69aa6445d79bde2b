/** Results of many scans in the layout of the published evaluation. */
import { ValueError } from '../../engine/index.js'
import { promptPair } from './findings.js'
import type { FindingProbability, ZeroShotResult } from './zero-shot.js'

export interface ScoredScan {
  readonly fileName: string
  readonly result: Pick<ZeroShotResult, 'findings'>
}

/**
 * A table with `file_name` and a column `anatomy_label_negative_positive` for each finding; a finding without probability
 * leaves its cell empty. Throws a {@link ValueError} unless all scans were scored for the same findings.
 */
export function zeroShotCsv(scans: readonly ScoredScan[]): string {
  const columnsOf = ({ result }: ScoredScan) => result.findings.map(columnOf)
  const columns = scans[0] ? columnsOf(scans[0]) : []
  const rows = scans.map((scan) => {
    if (columnsOf(scan).join() !== columns.join()) {
      throw new ValueError(`fvlm: ${scan.fileName} was scored for other findings than ${scans[0]!.fileName}`)
    }
    return [scan.fileName, ...scan.result.findings.map(({ probability }) => probability ?? '')]
  })
  return [['file_name', ...columns], ...rows].map((cells) => `${cells.map(quoted).join(',')}\n`).join('')
}

const columnOf = (finding: FindingProbability): string =>
  [finding.anatomy, finding.label, ...promptPair(finding)].join('_')

function quoted(cell: string | number): string {
  const text = String(cell)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

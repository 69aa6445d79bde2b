/** Raw reports that are to be taken apart. */
import { basename, join } from 'node:path'
import { readCsv } from '../../datasets/csv.js'
import { isFolder, listFiles } from '../../datasets/listing.js'
import { DataError } from '../../errors.js'
import { parseReportSections, reportSection } from '../../text/report-sections.js'
import { readText } from '../../text/text-file.js'

export interface RawReport {
  /** As decomposition files name it: `train_1_a`. */
  readonly scan: string
  readonly findings: string
  readonly impression: string
}

/**
 * Reports of a CSV in CT-RATE's layout (VolumeName, Findings_EN, Impressions_EN), one for all reconstructions of a scan, or of
 * a folder of `.txt` files, whose names are the scans and whose headings divide findings and impression; a text without
 * headings is all findings. Throws a DataError for anything else, and for a scan with two different reports.
 */
export async function readRawReports(path: string): Promise<RawReport[]> {
  const reports = (await isFolder(path)) ? await readFolder(path) : await readTable(path)
  if (reports.length === 0) {
    throw new DataError('holds no reports', {
      path,
      remedy: 'Give a CSV in the layout of CT-RATE or a folder of .txt files',
    })
  }
  const known = new Map<string, RawReport>()
  for (const report of reports) {
    const other = known.get(report.scan)
    if (other && (other.findings !== report.findings || other.impression !== report.impression)) {
      throw new DataError(`has two different reports of ${report.scan}`, { path })
    }
    known.set(report.scan, other ?? report)
  }
  return [...known.values()]
}

async function readTable(path: string): Promise<RawReport[]> {
  const reports: RawReport[] = []
  for await (const row of readCsv(path, ['VolumeName', 'Findings_EN', 'Impressions_EN'])) {
    const scan = scanOf(row.VolumeName!)
    reports.push({ scan, findings: row.Findings_EN!.trim(), impression: row.Impressions_EN!.trim() })
  }
  return reports
}

/** `train_1_a_2.nii.gz` is a reconstruction of `train_1_a`; other names stand for themselves. */
function scanOf(volume: string): string {
  const name = basename(volume.trim()).replace(/\.nii(\.gz)?$/, '')
  return /^((?:train|valid)_\d+_[a-z]+)_\d+$/.exec(name)?.[1] ?? name
}

async function readFolder(folder: string): Promise<RawReport[]> {
  const files = (await listFiles(folder)).filter((file) => /\.txt$/i.test(file))
  return await Promise.all(
    files.map(async (file) => {
      const text = await readText(join(folder, file))
      const findings = ['preamble', 'findings'] as const
      // What stands before the first heading is of the findings only where there is none for them.
      const own = parseReportSections(text).some(({ kind }) => kind === 'findings') ? findings.slice(1) : findings
      return {
        scan: basename(file).replace(/\.txt$/i, ''),
        findings: own
          .map((kind) => reportSection(text, kind))
          .join('\n')
          .trim(),
        impression: reportSection(text, 'impression'),
      }
    }),
  )
}

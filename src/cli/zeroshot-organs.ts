/** `voxgrad zeroshot --model fvlm`: findings from the organs that a mask shows. */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import {
  DataError,
  missingMask,
  parseLabelMapping,
  totalSegmentatorLabels,
  writeTextAtomically,
} from '../data/index.js'
import { ValueError } from '../engine/index.js'
import { type FvlmModel, type MaskedScan, readScan, type ScoredOrgans, scanName } from '../inference/index.js'
import { fvlmFindings, promptPair, type ZeroShotFinding, zeroShotCsv } from '../models/index.js'
import { pairMasks } from './masks.js'
import { openFvlm } from './model-options.js'
import { drawOrgans } from './organ-pictures.js'
import { type OrganFinding, organReportHtml, type ReportedOrgans } from './organ-report.js'
import type { ScanResult } from './results.js'
import { reportFacts } from './run-record.js'
import { runModel, type ScanArguments, type ScanHandler, scanOf } from './scan-run.js'

export interface OrganArguments extends ScanArguments {
  readonly mask?: string
  readonly mapping?: string
  readonly frame?: 'LPS' | 'stored'
  /** False for `--no-hu-check`. */
  readonly huCheck: boolean
  readonly findings?: readonly string[]
  readonly report?: string
}

/** Throws a DataError that says how to make a mask where there is none. */
export async function zeroShotOrgans(scans: readonly string[], options: OrganArguments): Promise<void> {
  const findings = options.findings?.map(findingOf) ?? fvlmFindings
  if (options.mask === undefined) throw missingMask(scans[0]!)
  const pairs = await pairMasks(scans, options.mask)
  const items = pairs.map(({ scan, mask }): MaskedScan => ({ scan: scanOf(scan, options), mask }))
  const mapping = options.mapping
    ? parseLabelMapping(await readFile(options.mapping, 'utf8'), options.mapping)
    : undefined
  await runModel<MaskedScan, FvlmModel, ScoredOrgans>(items, options, {
    ...{ command: 'zeroshot', configuration: { findings } },
    open: (progress) =>
      openFvlm(options, progress, { mapping, frame: options.frame, checkIntensities: options.huCheck }),
    inputOf: (item) => item,
    encode: (model, waiting, onFailure) => model.scoreScans(waiting, { findings, hash: true, onFailure }),
    prepare: async (model) => {
      await model.prompts(findings)
      return handlerOf(model, items, findings, options.report)
    },
  })
}

/** `Emphysema`, of the published ones, or `lung:Cavitation`. */
function findingOf(text: string): ZeroShotFinding {
  const published = fvlmFindings.find(({ label }) => label.toLowerCase() === text.toLowerCase())
  if (published) return published
  const [anatomy, ...rest] = text.split(':')
  const label = rest.join(':').trim()
  if (label !== '') return { anatomy: anatomy!.trim(), label, wording: label }
  throw new ValueError(
    `'${text}' is none of ${fvlmFindings.map((finding) => finding.label).join(', ')}. Give others with their organ, as lung:Cavitation`,
  )
}

function handlerOf(
  model: FvlmModel,
  items: readonly MaskedScan[],
  findings: readonly ZeroShotFinding[],
  report: string | undefined,
): ScanHandler<ScoredOrgans> {
  const reported: ReportedOrgans[] = []
  const probabilities = (result: ScanResult) =>
    (result.findings as OrganFinding[]).map(({ probability }) => probability)
  const given = new Map(items.map((item) => [scanName(item.scan), item]))
  return {
    handle: async (scored) => {
      const { name, missing, absentAnatomies, passes } = scored
      const kept = scored.findings.map(keptFinding)
      if (report !== undefined) {
        const item = given.get(name)!
        const [scan, mask] = [await readScan(item.scan), await readScan(item.mask!)]
        const mapping = model.preprocessing.mapping ?? totalSegmentatorLabels
        const pictures = drawOrgans(scan, mask, model.config.anatomies, mapping)
        reported.push({ scan: name, findings: kept, pictures })
      }
      const organs = scored.organs.map(({ anatomy, window }) => ({ anatomy, window }))
      return { findings: kept, missing, absentAnatomies, organs, passes }
    },
    table: {
      columns: findings.map(({ anatomy, label }) => `${anatomy}: ${label}`),
      row: (result) => probabilities(result).map((probability) => probability ?? Number.NaN),
    },
    csv: (results) => {
      const nameOf = fileNames(results)
      const scored = results.map((result) => {
        const values = probabilities(result)
        const own = findings.map((finding, n) => ({ ...finding, probability: values[n] ?? undefined }))
        return { fileName: nameOf(result.scan), result: { findings: own } }
      })
      return zeroShotCsv(scored)
    },
    print,
    finish: async () => {
      if (report === undefined) return []
      await writeTextAtomically(report, organReportHtml(reported, model.config.anatomies, await reportFacts(model)))
      return [report]
    },
  }
}

function keptFinding(finding: ScoredOrgans['findings'][number]): OrganFinding {
  const { anatomy, label, probability = null } = finding
  const [negative, positive] = promptPair(finding)
  return { finding: label, anatomy, probability, prompts: { positive, negative } }
}

/** File names as the published tables have them. Throws a DataError where two scans have one. */
function fileNames(results: readonly ScanResult[]): (scan: string) => string {
  const owners = new Map<string, string>()
  for (const { scan } of results) {
    const other = owners.get(basename(scan))
    if (other !== undefined) {
      throw new DataError('has the file name of another scan, so that the table cannot tell them apart', {
        path: scan,
        remedy: `The other is ${other}. Leave --csv out; results.jsonl has both`,
      })
    }
    owners.set(basename(scan), scan)
  }
  return (scan) => basename(scan)
}

function print({ scan, findings, missing }: ScanResult): string {
  const kept = findings as OrganFinding[]
  const width = Math.max(...kept.map(({ finding, anatomy }) => finding.length + anatomy.length + 2))
  const lines = kept.map(
    ({ finding, anatomy, probability }) =>
      `  ${`${anatomy}: ${finding}`.padEnd(width)}  ${probability === null ? 'missing' : probability.toFixed(4)}`,
  )
  const names = missing as string[]
  const note = names.length === 0 ? [] : [`  missing, as the mask does not show their organ: ${names.join(', ')}`]
  return [scan, ...lines, ...note].join('\n')
}

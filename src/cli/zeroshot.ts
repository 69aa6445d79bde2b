/** `voxgrad zeroshot`: the probability of findings, from words alone. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { ctRateFindings, writeTextAtomically } from '../data/index.js'
import {
  type ColipriModel,
  type EncodedScan,
  type FindingScore,
  promptPairs,
  promptStyles,
  readScan,
} from '../inference/index.js'
import { researchNotice } from './options.js'
import type { ScanResult } from './results.js'
import { packageIdentity } from './run-record.js'
import { listScans } from './scan-list.js'
import { drawScan } from './scan-pictures.js'
import { runScans, type ScanArguments, scanCommand } from './scan-run.js'
import { type ReportedScan, zeroShotHtml } from './zeroshot-html.js'

interface ZeroShotArguments extends ScanArguments {
  readonly findings: readonly string[]
  readonly prompts: (typeof promptStyles)[number]
  readonly report?: string
}

export function zeroShotCommand(): Command {
  return scanCommand('zeroshot', 'The probability of findings in CT scans, from words alone')
    .addOption(
      new Option('--findings <names>', 'separated by commas')
        .argParser(findingList)
        .default([...ctRateFindings], 'the 18 of CT-RATE'),
    )
    .addOption(
      new Option(
        '--prompts <style>',
        'short: "X" against "No x"; sentence: "X is present." against "X is not present."',
      )
        .choices(promptStyles)
        .default('short'),
    )
    .addOption(
      new Option(
        '--report <file>',
        'an HTML page: three planes of each scan, bars of the findings, maps of where',
      ).conflicts('resume'),
    )
    .action(zeroShot)
}

function findingList(text: string): string[] {
  const findings = text
    .split(',')
    .map((finding) => finding.trim())
    .filter((finding) => finding !== '')
  if (findings.length === 0) throw new InvalidArgumentError('Give names separated by commas.')
  return findings
}

async function zeroShot(scans: string[], options: ZeroShotArguments): Promise<void> {
  const { findings, prompts, report } = options
  const reported: ReportedScan[] = []
  await runScans(await listScans(scans), options, {
    ...{ command: 'zeroshot', configuration: { findings, prompts } },
    ...(report !== undefined && { dense: 'projected' as const }),
    prepare: async (model) => {
      const texts = await model.encodeText(promptPairs(findings, prompts).map(({ positive }) => positive))
      return {
        handle: async (scan) => {
          const scores = await model.zeroShot(scan.embedding, { findings, prompts })
          if (report !== undefined) reported.push(await draw(scan, scores, texts))
          return { temperature: model.softmaxTemperature, findings: scores }
        },
        table: {
          columns: findings,
          row: (result) => (result.findings as FindingScore[]).map(({ probability }) => probability),
        },
        print,
        finish: async () => {
          if (report === undefined) return []
          await writeTextAtomically(report, zeroShotHtml(reported, await factsOf(model)))
          return [report]
        },
      }
    },
  })
}

async function draw(
  { name, dense }: EncodedScan,
  findings: readonly FindingScore[],
  texts: readonly Float32Array[],
): Promise<ReportedScan> {
  return { scan: name, findings, pictures: drawScan(await readScan(name), dense!, texts) }
}

async function factsOf(model: ColipriModel) {
  const { name, version } = packageIdentity()
  const { description } = model.device.capabilities.adapter
  const provenance = `${await model.fingerprint()}, ${model.dtype}, on ${description}, by ${name} ${version}`
  return { notice: researchNotice, note: model.note, provenance }
}

function print({ scan, findings }: ScanResult): string {
  const scores = findings as FindingScore[]
  const width = Math.max(...scores.map(({ finding }) => finding.length))
  const lines = scores.map(({ finding, probability }) => `  ${finding.padEnd(width)}  ${probability.toFixed(4)}`)
  return [scan, ...lines].join('\n')
}

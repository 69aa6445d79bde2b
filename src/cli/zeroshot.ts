/** `voxgrad zeroshot`: the probability of findings, from words alone. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { ctRateFindings, type Volume, writeTextAtomically } from '../data/index.js'
import { ValueError } from '../engine/index.js'
import {
  type EncodedScan,
  type FindingScore,
  type ModelName,
  modelNames,
  promptPairs,
  promptStyles,
  readScan,
} from '../inference/index.js'
import type { ScanResult } from './results.js'
import { reportFacts } from './run-record.js'
import { listScans } from './scan-list.js'
import { drawScan } from './scan-pictures.js'
import { runScans, scanCommand, scanOf } from './scan-run.js'
import { type ReportedScan, zeroShotHtml } from './zeroshot-html.js'
import { type OrganArguments, zeroShotOrgans } from './zeroshot-organs.js'

interface ZeroShotArguments extends OrganArguments {
  readonly prompts: (typeof promptStyles)[number]
}

export function zeroShotCommand(): Command {
  return scanCommand('zeroshot', 'The probability of findings in CT scans, from words alone', modelNames)
    .addOption(
      new Option(
        '--findings <names>',
        'separated by commas; default: the 18 of CT-RATE, with fvlm 16 of them. Others of fvlm name their organ: lung:Cavitation',
      ).argParser(findingList),
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
        'an HTML page: three planes of each scan, bars of the findings, maps of where or outlines of the organs',
      ).conflicts('resume'),
    )
    .option(
      '--mask <path>',
      'fvlm: the label map of the organs of a scan, or a folder with masks of the names of the scans',
    )
    .option(
      '--mapping <file>',
      'fvlm: organs to label numbers as JSON; default: TotalSegmentator, task total, version 2',
    )
    .addOption(
      new Option(
        '--frame <frame>',
        'fvlm: LPS turns scans to the frame of CT-RATE; stored takes them as they lie; default LPS',
      ).choices(['LPS', 'stored']),
    )
    .option('--no-hu-check', 'fvlm: also take scans that do not look as if they were in HU')
    .action(zeroShot)
}

/** Options that mean something for one model only. */
const ownOptions: Readonly<Record<ModelName, readonly string[]>> = {
  colipri: ['prompts', 'route', 'textPooling'],
  fvlm: ['mask', 'mapping', 'frame', 'huCheck'],
}

/** Throws a ValueError for an option of another model: passing it over would look as if it had been followed. */
function checkOptions(command: Command, model: ModelName): void {
  for (const [other, names] of Object.entries(ownOptions)) {
    const given = other === model ? undefined : names.find((name) => command.getOptionValueSource(name) === 'cli')
    if (given === undefined) continue
    const flag = command.options.find((option) => option.attributeName() === given)!.long
    throw new ValueError(`zeroshot: ${flag} is an option of ${other}, not of ${model}`)
  }
}

function findingList(text: string): string[] {
  const findings = text
    .split(',')
    .map((finding) => finding.trim())
    .filter((finding) => finding !== '')
  if (findings.length === 0) throw new InvalidArgumentError('Give names separated by commas.')
  return findings
}

async function zeroShot(inputs: string[], options: ZeroShotArguments, command: Command): Promise<void> {
  checkOptions(command, options.model)
  const scans = await listScans(inputs)
  await (options.model === 'fvlm' ? zeroShotOrgans(scans, options) : zeroShotScans(scans, options))
}

async function zeroShotScans(scans: readonly string[], options: ZeroShotArguments): Promise<void> {
  const { findings = ctRateFindings, prompts, report } = options
  const reported: ReportedScan[] = []
  const inputOf = (path: string) => scanOf(path, options)
  await runScans(scans.map(inputOf), options, {
    ...{ command: 'zeroshot', configuration: { findings, prompts } },
    ...(report !== undefined && { dense: 'projected' as const }),
    prepare: async (model) => {
      const texts = await model.encodeText(promptPairs(findings, prompts).map(({ positive }) => positive))
      return {
        handle: async (scan) => {
          const scores = await model.zeroShot(scan.embedding, { findings, prompts })
          if (report !== undefined) reported.push(draw(scan, await readScan(inputOf(scan.name)), scores, texts))
          return { temperature: model.softmaxTemperature, findings: scores }
        },
        table: {
          columns: findings,
          row: (result) => (result.findings as FindingScore[]).map(({ probability }) => probability),
        },
        print,
        finish: async () => {
          if (report === undefined) return []
          await writeTextAtomically(report, zeroShotHtml(reported, await reportFacts(model)))
          return [report]
        },
      }
    },
  })
}

function draw(
  { name, dense }: EncodedScan,
  raw: Volume,
  findings: readonly FindingScore[],
  texts: readonly Float32Array[],
): ReportedScan {
  return { scan: name, findings, pictures: drawScan(raw, dense!, texts) }
}

function print({ scan, findings }: ScanResult): string {
  const scores = findings as FindingScore[]
  const width = Math.max(...scores.map(({ finding }) => finding.length))
  const lines = scores.map(({ finding, probability }) => `  ${finding.padEnd(width)}  ${probability.toFixed(4)}`)
  return [scan, ...lines].join('\n')
}

/** `voxgrad data check`: what a data set holds and what is wrong with it. */
import { Command, Option } from 'commander'
import {
  checkDataset,
  DataError,
  type DatasetCheck,
  type DatasetLayout,
  datasetLayouts,
  openDataset,
  writeTextAtomically,
} from '../data/index.js'
import { dataCheckHtml } from './data-check-html.js'

interface CheckArguments {
  readonly layout: DatasetLayout | 'auto'
  readonly concurrency: string
  readonly json?: boolean
  readonly html?: string
}

export function dataCommand(): Command {
  const check = new Command('check')
    .description('Read every image of a data set; exit 1 when there are problems')
    .argument('<path>', 'folder of the data set, or a .csv or .jsonl list')
    .addOption(
      new Option('--layout <layout>', 'how it is laid out').choices(['auto', ...datasetLayouts]).default('auto'),
    )
    .option('--concurrency <number>', 'images in memory at a time', '2')
    .option('--html <file>', 'write a summary to look at')
    .option('--json', 'print everything as JSON')
    .action(checkCommand)
  return new Command('data').description('Data sets').addCommand(check)
}

/** Findings printed; --json and --html have more. */
const MOST_LINES = 40

async function checkCommand(path: string, { layout, concurrency, json, html }: CheckArguments): Promise<void> {
  const images = Number(concurrency)
  if (!Number.isInteger(images) || images < 1) throw new DataError(`--concurrency ${concurrency} is no count`)
  const dataset = await openDataset(path, layout)
  const check = await checkDataset(dataset, { concurrency: images, onProgress: showProgress })
  if (html !== undefined) await writeTextAtomically(html, dataCheckHtml(check))
  console.log(json ? JSON.stringify(check) : summary(check))
  if (check.findings.some(({ severity }) => severity === 'problem')) process.exitCode = 1
}

function showProgress(done: number, total: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\rread ${done} of ${total} images${done === total ? '\n' : ''}`)
}

function summary({ name, licence, counts, geometry, findings, notes }: DatasetCheck): string {
  const problems = findings.filter(({ severity }) => severity === 'problem')
  const ordered = [...problems, ...findings.filter(({ severity }) => severity === 'notice')]
  const list = (tally: Readonly<Record<string, number>>) =>
    Object.entries(tally)
      .map(([key, count]) => `${key} ${count}`)
      .join(', ')
  return [
    `${name} (${licence})`,
    ...Object.entries(counts).map(
      ([split, own]) =>
        `${split.padEnd(12)}${own.studies} studies of ${own.patients} patients, ${own.images} images, ${own.masks} masks, ${own.reports} reports`,
    ),
    `orientations  ${list(geometry.orientations) || 'none'}`,
    `stored types  ${list(geometry.dtypes) || 'none'}`,
    ...geometry.axes.map(
      ({ voxels, spacingMm }, axis) =>
        `axis ${axis}        ${voxels.min} to ${voxels.max} voxels of ${+spacingMm.min.toFixed(3)} to ${+spacingMm.max.toFixed(3)} mm`,
    ),
    ...notes,
    ...ordered
      .slice(0, MOST_LINES)
      .map(({ severity, kind, names, message }) => `${severity}: ${kind}: ${names.slice(0, 4).join(', ')}: ${message}`),
    ...(ordered.length > MOST_LINES ? [`and ${ordered.length - MOST_LINES} more findings`] : []),
    `problems: ${problems.length}, notices: ${findings.length - problems.length}`,
  ].join('\n')
}

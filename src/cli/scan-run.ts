/** What all commands over scans do alike: list, encode, keep results, resume, report, and write down what was done. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { DataError } from '../data/index.js'
import {
  type ColipriModel,
  type EncodedScan,
  type EncodeImagesOptions,
  hashPath,
  type ScanInput,
  Stopwatch,
  scanName,
  scanPath,
} from '../inference/index.js'
import { addModelOptions, type ModelArguments, openModel } from './model-options.js'
import { researchNotice } from './options.js'
import { Progress } from './progress.js'
import { ResultFile, type ResultTable, type ScanResult, writeCsv, writeMatrix } from './results.js'
import { previousKey, RunRecord } from './run-record.js'

export interface RunArguments extends ModelArguments {
  readonly out: string
  readonly json?: boolean
  readonly resume?: boolean
}

export interface ScanArguments extends RunArguments {
  readonly csv?: boolean
  readonly npy?: boolean
}

/** A command over scans with the options that all of them have. */
export function scanCommand(name: string, description: string): Command {
  const command = new Command(name)
    .description(`${description}. Research use only, not for diagnosis`)
    .argument('<scans...>', 'files (NIfTI, NRRD, MetaImage, zipped DICOM), folders, or patterns like "**/*.nii.gz"')
    .option('--out <folder>', 'where results.jsonl and run.json go', join('out', name))
    .option('--json', 'print the results as JSON, a line per scan')
    .option('--csv', 'also write results.csv')
    .option('--npy', 'also write results.npy, a row per scan in the order of results.jsonl')
    .option('--resume', 'keep the results that the folder has of unchanged scans, and go on')
  return addModelOptions(command)
}

export interface ScanRun {
  readonly command: string
  /** What decides about results beside the model. */
  readonly configuration: Readonly<Record<string, unknown>>
  readonly dense?: EncodeImagesOptions['dense']
  /** Leave the text tower out. */
  readonly imageOnly?: boolean
  /** Called once, before the first scan: what does not work then should not cost a cohort. */
  readonly prepare: (model: ColipriModel) => Promise<ScanHandler>
}

export interface ScanHandler {
  /** What is to be kept of a scan, plain JSON. */
  handle(scan: EncodedScan): Promise<Readonly<Record<string, unknown>>>
  readonly table: ResultTable
  /** Lines for people. */
  print(result: ScanResult): string
  /** Instead of a line per scan on the standard output, nothing. Default false. */
  readonly silent?: boolean
  /** Called behind the last scan; the files it returns are named in run.json. */
  finish?(results: readonly ScanResult[]): Promise<readonly string[]>
}

interface Failure {
  readonly path: string
  readonly message: string
}

/** Exit code where some scans failed and others did not. */
const SOME_FAILED = 3

/** Throws for what concerns every scan; a broken scan is reported and passed over, and the exit code tells. */
export async function runScans(scans: readonly ScanInput[], options: RunArguments, run: ScanRun): Promise<void> {
  const progress = new Progress(process.stderr)
  const stopwatch = new Stopwatch()
  await mkdir(options.out, { recursive: true })
  using model = await stopwatch.time('load model', () => openModel(options, progress, run.imageOnly))
  const handler = await stopwatch.time('prepare', () => run.prepare(model))
  const { record, file } = await begin(options, run, model)
  const waiting = await stopwatch.time('resume', () => withoutResults(scans, file.results))
  await file.forget(waiting.map(scanName))
  if (waiting.length < scans.length) console.error(`${scans.length - waiting.length} of ${scans.length} scans are done`)
  const failures: Failure[] = []
  const began = performance.now()
  const show = (name: string, done: number) => {
    if (scans.length > 1)
      progress.showCount(scans.length - waiting.length + done, scans.length, name, performance.now() - began)
  }
  const encoded = model.encodeImages(waiting, {
    ...{ dense: run.dense, hash: true },
    onFailure: ({ item, message }) => {
      failures.push({ path: item, message })
      progress.clear()
      console.error(`voxgrad: ${message}`)
    },
  })
  for await (const scan of encoded) {
    const handled = await stopwatch.time('use', () => handler.handle(scan))
    stopwatch.add(scan.timesMs)
    const common = { notice: researchNotice, ...(model.note !== undefined && { note: model.note }) }
    const result = { ...{ scan: scan.name, sha256: scan.sha256! }, ...handled, timesMs: scan.timesMs, ...common }
    await file.add(result)
    progress.clear()
    if (!handler.silent) console.log(options.json ? JSON.stringify(result) : handler.print(result))
    show(scan.name, scan.index + 1)
  }
  progress.clear()
  const outputs = await writeTables(file.results, handler, options)
  const inputsDone = file.results.map(({ scan, sha256 }) => ({ path: scan, sha256 }))
  await record.finish({
    ...{ timesMs: stopwatch.timesMs, peakDeviceBytes: model.device.memory().peakBytes },
    inputs: inputsDone,
    outputs,
    failures,
  })
  if (!options.json) printNotice(model)
  if (failures.length > 0) process.exitCode = failures.length === scans.length ? 1 : SOME_FAILED
}

/** The record of the run, and the results to go on with. */
async function begin({ out, resume = false }: RunArguments, { command, configuration }: ScanRun, model: ColipriModel) {
  const before = resume ? await previousKey(out) : undefined
  const record = await RunRecord.open(out, { command, configuration, model })
  if (before !== undefined && before !== record.key) {
    throw new DataError('has results of another model or of other options', {
      path: out,
      remedy: 'Give the same as before, another --out, or leave --resume out',
    })
  }
  await record.begin()
  return { record, file: await ResultFile.open(out, resume) }
}

async function writeTables(
  results: readonly ScanResult[],
  { table, finish }: ScanHandler,
  { out, csv = false, npy = false }: RunArguments & Pick<ScanArguments, 'csv' | 'npy'>,
): Promise<string[]> {
  const outputs = [join(out, 'results.jsonl')]
  for (const [wanted, name, write] of [
    [csv, 'results.csv', writeCsv],
    [npy, 'results.npy', writeMatrix],
  ] as const) {
    if (!wanted) continue
    outputs.push(join(out, name))
    await write(join(out, name), results, table)
  }
  return [...outputs, ...((await finish?.(results)) ?? [])]
}

export function printNotice({ note }: Pick<ColipriModel, 'note'>): void {
  if (note !== undefined) console.log(note)
  console.log(researchNotice)
}

/** The scans that have no result, or another content than then. */
async function withoutResults(scans: readonly ScanInput[], results: readonly ScanResult[]): Promise<ScanInput[]> {
  const known = new Map(results.map(({ scan, sha256 }) => [scan, sha256]))
  const waiting: ScanInput[] = []
  for (const scan of scans) {
    const [before, path] = [known.get(scanName(scan)), scanPath(scan)]
    const now = before === undefined || path === undefined ? undefined : await hashPath(path).catch(() => undefined)
    if (before === undefined || before !== now) waiting.push(scan)
  }
  return waiting
}

/** What all commands over scans do alike: list, encode, keep results, resume, report, and write down what was done. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { DataError, writeTextAtomically } from '../data/index.js'
import {
  type ColipriModel,
  type EncodedScan,
  type EncodeImagesOptions,
  hashPath,
  type ModelName,
  type ScanInput,
  type StageTimes,
  Stopwatch,
  scanName,
  scanPath,
} from '../inference/index.js'
import { addModelOptions, type ModelArguments, openModel } from './model-options.js'
import { researchNotice } from './options.js'
import { Progress } from './progress.js'
import { addReadOptions, type ReadArguments, readOptions } from './read-options.js'
import { ResultFile, type ResultTable, type ScanResult, writeCsv, writeMatrix } from './results.js'
import { previousKey, type RunModel, RunRecord } from './run-record.js'
import { listScans } from './scan-list.js'

export interface RunArguments extends ModelArguments, ReadArguments {
  readonly out: string
  readonly json?: boolean
  readonly resume?: boolean
}

export interface ScanArguments extends RunArguments {
  readonly csv?: boolean
  readonly npy?: boolean
}

/** A command over scans with the options that all of them have. */
export function scanCommand(name: string, description: string, models?: readonly ModelName[]): Command {
  const command = new Command(name)
    .description(`${description}. Research use only, not for diagnosis`)
    .addHelpText('after', `\nExit code ${SOME_FAILED} where some of the scans could not be read, 1 where none could.`)
    .argument('<scans...>', 'files (NIfTI, NRRD, MetaImage, zipped DICOM), folders, or patterns like "**/*.nii.gz"')
    .option('--out <folder>', 'where results.jsonl and run.json go', join('out', name))
    .option('--json', 'print the results as JSON, a line per scan')
    .option('--csv', 'also write results.csv')
    .option('--npy', 'also write results.npy, a row per scan in the order of results.jsonl')
    .option('--resume', 'keep the results that the folder has of unchanged scans, and go on')
  return addReadOptions(addModelOptions(command, models))
}

/** The scans that the arguments name, to be read as the options say. Errors as of `listScans`. */
export async function scansOf(inputs: readonly string[], options: ReadArguments): Promise<ScanInput[]> {
  return (await listScans(inputs)).map((path) => scanOf(path, options))
}

/** One of them. */
export function scanOf(path: string, options: ReadArguments): ScanInput {
  const reading = readOptions(options)
  return Object.keys(reading).length === 0 ? path : { path, reading }
}

/** What the run itself needs to know of a scan that is done. */
interface DoneScan {
  readonly name: string
  readonly index: number
  readonly sha256?: string | undefined
  readonly mask?: ScanResult['mask']
  readonly timesMs: StageTimes
}

interface Run<Model, Scan extends DoneScan> {
  readonly command: string
  /** What decides about results beside the model. */
  readonly configuration: Readonly<Record<string, unknown>>
  /** Called once, before the first scan: what does not work then should not cost a cohort. */
  readonly prepare: (model: Model) => Promise<ScanHandler<Scan>>
}

export interface ScanRun extends Run<ColipriModel, EncodedScan> {
  readonly dense?: EncodeImagesOptions['dense']
  /** Leave the text tower out. */
  readonly imageOnly?: boolean
}

/** A run of any model over any kind of scan. */
export interface ModelRun<Item, Model extends RunModel, Scan extends DoneScan> extends Run<Model, Scan> {
  open(progress: Progress): Promise<Model>
  inputOf(item: Item): { readonly scan: ScanInput; readonly mask?: ScanInput | undefined }
  /** Scans in order; those that fail are left out and reported. */
  encode(
    model: Model,
    items: readonly Item[],
    onFailure: (failure: { readonly item: string; readonly message: string }) => void,
  ): AsyncIterable<Scan>
}

export interface ScanHandler<Scan = EncodedScan> {
  /** What is to be kept of a scan, plain JSON. */
  handle(scan: Scan): Promise<Readonly<Record<string, unknown>>>
  readonly table: ResultTable
  /** The text of results.csv, where it is of a layout of its own. */
  csv?(results: readonly ScanResult[]): string
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

/** {@link runModel} with COLIPRI. */
export async function runScans(scans: readonly ScanInput[], options: RunArguments, run: ScanRun): Promise<void> {
  await runModel(scans, options, {
    ...run,
    open: (progress) => openModel(options, progress, run.imageOnly),
    inputOf: (scan) => ({ scan }),
    encode: (model, items, onFailure) => model.encodeImages(items, { dense: run.dense, hash: true, onFailure }),
  })
}

/** Throws for what concerns every scan; a broken scan is reported and passed over, and the exit code tells. */
export async function runModel<Item, Model extends RunModel, Scan extends DoneScan>(
  items: readonly Item[],
  options: RunArguments,
  run: ModelRun<Item, Model, Scan>,
): Promise<void> {
  const progress = new Progress(process.stderr)
  const stopwatch = new Stopwatch()
  await mkdir(options.out, { recursive: true })
  using model = await stopwatch.time('load model', () => run.open(progress))
  const handler = await stopwatch.time('prepare', () => run.prepare(model))
  const reading = readOptions(options)
  const configuration = { ...run.configuration, ...(Object.keys(reading).length > 0 && { reading }) }
  const { record, file } = await begin(options, { command: run.command, configuration }, model)
  const waiting = await stopwatch.time('resume', () => withoutResults(items, run.inputOf, file.results))
  await file.forget(waiting.map((item) => scanName(run.inputOf(item).scan)))
  if (waiting.length < items.length) console.error(`${items.length - waiting.length} of ${items.length} scans are done`)
  const failures: Failure[] = []
  const began = performance.now()
  const show = (name: string, done: number) => {
    if (items.length > 1)
      progress.showCount(items.length - waiting.length + done, items.length, name, performance.now() - began)
  }
  // A single scan may take minutes on a software adapter.
  if (waiting[0]) progress.showPassing(`encoding ${scanName(run.inputOf(waiting[0]).scan)}`)
  const encoded = run.encode(model, waiting, ({ item, message }) => {
    failures.push({ path: item, message })
    progress.clear()
    console.error(`voxgrad: ${message}`)
  })
  for await (const scan of encoded) {
    const handled = await stopwatch.time('use', () => handler.handle(scan))
    stopwatch.add(scan.timesMs)
    const common = { notice: researchNotice, ...(model.note !== undefined && { note: model.note }) }
    const own = { scan: scan.name, sha256: scan.sha256!, ...(scan.mask && { mask: scan.mask }) }
    const result = { ...own, ...handled, timesMs: scan.timesMs, ...common }
    await file.add(result)
    progress.clear()
    if (!handler.silent) console.log(options.json ? JSON.stringify(result) : handler.print(result))
    show(scan.name, scan.index + 1)
  }
  progress.clear()
  const outputs = await writeTables(file.results, handler, options)
  const inputsDone = file.results.map(({ scan, sha256, mask }) => ({ path: scan, sha256, ...(mask && { mask }) }))
  await record.finish({
    ...{ timesMs: stopwatch.timesMs, peakDeviceBytes: model.device.memory().peakBytes },
    inputs: inputsDone,
    outputs,
    failures,
  })
  if (!options.json) printNotice(model)
  if (failures.length > 0) process.exitCode = failures.length === items.length ? 1 : SOME_FAILED
}

/** The record of the run, and the results to go on with. */
async function begin(
  { out, resume = false }: RunArguments,
  { command, configuration }: Pick<ScanRun, 'command' | 'configuration'>,
  model: RunModel,
) {
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
  { table, csv: layout, finish }: Pick<ScanHandler, 'table' | 'csv' | 'finish'>,
  { out, csv = false, npy = false }: RunArguments & Pick<ScanArguments, 'csv' | 'npy'>,
): Promise<string[]> {
  const outputs = [join(out, 'results.jsonl')]
  const writeLayout = layout && ((path: string) => writeTextAtomically(path, layout(results)))
  for (const [wanted, name, write] of [
    [csv, 'results.csv', writeLayout ?? writeCsv],
    [npy, 'results.npy', writeMatrix],
  ] as const) {
    if (!wanted) continue
    outputs.push(join(out, name))
    await write(join(out, name), results, table)
  }
  return [...outputs, ...((await finish?.(results)) ?? [])]
}

export function printNotice({ note }: Pick<RunModel, 'note'>): void {
  if (note !== undefined) console.log(note)
  console.log(researchNotice)
}

/** Those that have no result, or another content than then. */
async function withoutResults<Item>(
  items: readonly Item[],
  inputOf: ModelRun<Item, RunModel, DoneScan>['inputOf'],
  results: readonly ScanResult[],
): Promise<Item[]> {
  const known = new Map(results.map((result) => [result.scan, result]))
  const waiting: Item[] = []
  for (const item of items) {
    const { scan, mask } = inputOf(item)
    const before = known.get(scanName(scan))
    const same =
      before !== undefined && before.sha256 === (await hashNow(scan)) && before.mask?.sha256 === (await hashNow(mask))
    if (!same) waiting.push(item)
  }
  return waiting
}

/** Undefined for what is no file, or cannot be read. */
async function hashNow(input: ScanInput | undefined): Promise<string | undefined> {
  const path = input === undefined ? undefined : scanPath(input)
  return path === undefined ? undefined : await hashPath(path).catch(() => undefined)
}

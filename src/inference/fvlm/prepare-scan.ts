/** From a scan and its mask to fVLM's input. Runs in worker threads, and so imports nothing of the engine. */
import {
  type LabelMapping,
  missingMask,
  type PreparedFvlmScan,
  type PrepareFvlmOptions,
  prepareFvlmScan,
  type TaskContext,
} from '../../data/index.js'
import { hashPath } from '../file-hash.js'
import { readScan, type ScanInput, scanName, scanPath } from '../prepare-task.js'
import { type StageTimes, Stopwatch } from '../stages.js'

/** A scan with the label map of its organs. */
export interface MaskedScan {
  readonly scan: ScanInput
  readonly mask: ScanInput | undefined
}

export interface FvlmScanOptions extends Pick<PrepareFvlmOptions, 'frame' | 'checkIntensities'> {
  readonly mapping?: LabelMapping | undefined
}

export interface PrepareMaskedOptions {
  readonly prepare: PrepareFvlmOptions
  /** Also take the SHA-256 of files. */
  readonly hash: boolean
}

export interface FileHash {
  readonly path: string
  readonly sha256: string
}

export interface PreparedMasked {
  readonly prepared: PreparedFvlmScan
  readonly sha256?: string | undefined
  readonly mask?: FileHash | undefined
  readonly timesMs: StageTimes
}

/** The task of the loader. Throws a DataError for what cannot be read or used. */
export async function load(item: MaskedScan, { data }: TaskContext<PrepareMaskedOptions>): Promise<PreparedMasked> {
  return await prepareMasked(item, data)
}

/** Reads and prepares a scan with its mask. Throws a DataError for what cannot be read or used. */
export async function prepareMasked(
  { scan, mask }: MaskedScan,
  { prepare, hash }: PrepareMaskedOptions,
): Promise<PreparedMasked> {
  if (mask === undefined) throw missingMask(scanName(scan))
  const stopwatch = new Stopwatch()
  const [image, labels] = await stopwatch.time('read', async () => [await readScan(scan), await readScan(mask)])
  const prepared = await stopwatch.time('preprocess', () => prepareFvlmScan(image!, labels!, prepare))
  const [ofScan, ofMask] = await stopwatch.time('hash', async () =>
    hash ? [await hashOf(scan), await hashOf(mask)] : [],
  )
  return { prepared, sha256: ofScan?.sha256, mask: ofMask, timesMs: stopwatch.timesMs }
}

async function hashOf(input: ScanInput): Promise<FileHash | undefined> {
  const path = scanPath(input)
  return path === undefined ? undefined : { path, sha256: await hashPath(path) }
}

/** From a scan to the network's input. Runs in worker threads, and so imports nothing of the engine. */
import {
  type ImageSource,
  type NamedBytes,
  openNpz,
  type PreprocessStep,
  preprocess,
  type ReadVolumeOptions,
  readAndPreprocess,
  readImage,
  readVolume,
  type TaskContext,
  toFloat32,
  type Volume,
  volumeFromArray,
} from '../data/index.js'
import { hashPath } from './file-hash.js'
import { type StageTimes, Stopwatch } from './stages.js'

/**
 * A scan: the path of a file or of a DICOM folder, alone or with how it is to be read, bytes with a name, an image of a
 * data set, or a volume. In HU.
 */
export type ScanInput = string | ScanFile | NamedBytes | ImageSource | Volume

/** A file or a DICOM folder that needs to be told about, such as which of its series is meant. */
export interface ScanFile {
  readonly path: string
  /** As of `readVolume`. */
  readonly reading: ReadVolumeOptions
}

export interface PrepareOptions {
  readonly steps: readonly PreprocessStep[]
  /** Also take the SHA-256 of files. */
  readonly hash: boolean
}

/** A scan on the network's grid: C-ordered float32, with the way back to its own grid in `volume.history`. */
export interface PreparedScan {
  readonly volume: Volume
  readonly timesMs: StageTimes
  /** Of the file or folder; undefined for what is none, and where it was not asked for. */
  readonly sha256?: string | undefined
}

/** The task of the loader. Throws a DataError for what cannot be read. */
export async function load(scan: ScanInput, { data }: TaskContext<PrepareOptions>): Promise<PreparedScan> {
  return await prepareScan(scan, data)
}

/** Reads and preprocesses a scan. Throws a DataError for what cannot be read. */
export async function prepareScan(scan: ScanInput, { steps, hash }: PrepareOptions): Promise<PreparedScan> {
  const stopwatch = new Stopwatch()
  const volume = await prepareVolume(scan, steps, stopwatch)
  const path = hash ? scanPath(scan) : undefined
  const sha256 = path === undefined ? undefined : await stopwatch.time('hash', () => hashPath(path))
  return { volume, timesMs: stopwatch.timesMs, ...(sha256 !== undefined && { sha256 }) }
}

/** A file is preprocessed while it is being unpacked, which takes less memory: that is one stage. */
async function prepareVolume(scan: ScanInput, steps: readonly PreprocessStep[], stopwatch: Stopwatch): Promise<Volume> {
  const file = fileOf(scan)
  if (file !== undefined) {
    return await stopwatch.time('read and preprocess', () => readAndPreprocess(file.input, steps, file.reading))
  }
  const raw = await stopwatch.time('read', () => readScan(scan))
  return await stopwatch.time('preprocess', () => preprocess(raw, steps))
}

function fileOf(scan: ScanInput): { input: string | NamedBytes; reading?: ReadVolumeOptions } | undefined {
  if (typeof scan === 'string' || 'bytes' in scan) return { input: scan }
  if ('reading' in scan) return { input: scan.path, reading: scan.reading }
  return 'kind' in scan && scan.kind === 'volume' ? { input: scan.path } : undefined
}

/** The volume of a scan, as it is stored. Throws a DataError for what cannot be read. */
export async function readScan(scan: ScanInput): Promise<Volume> {
  if (typeof scan === 'string' || 'bytes' in scan) return await readVolume(scan)
  if ('reading' in scan) return await readVolume(scan.path, scan.reading)
  if ('affine' in scan) return scan
  return await readImage(scan, { volume: (path) => readVolume(path), array: readArray })
}

/** The file or folder of a scan that has one. */
export function scanPath(scan: ScanInput): string | undefined {
  if (typeof scan === 'string') return scan
  if ('reading' in scan) return scan.path
  if ('bytes' in scan || 'affine' in scan || scan.kind === 'channels') return undefined
  return scan.kind === 'slices' ? scan.folder : scan.path
}

/** What a scan is called in messages. */
export function scanName(scan: ScanInput): string {
  if (typeof scan === 'string') return scan
  if ('bytes' in scan) return scan.name
  if ('reading' in scan) return scan.path
  if ('affine' in scan) return scan.source?.path ?? 'volume'
  return scan.kind === 'channels' ? scan.paths[0]! : (scanPath(scan) ?? scan.kind)
}

/** An array of a NumPy archive, whose axes and spacing the data set states. Its place in the scanner is not known. */
async function readArray({
  path,
  key,
  axisCodes,
  spacingMm,
}: Extract<ImageSource, { kind: 'array' }>): Promise<Volume> {
  await using archive = await openNpz(path)
  const array = await archive.read(key)
  const axes = { R: [0, 1], L: [0, -1], A: [1, 1], P: [1, -1], S: [2, 1], I: [2, -1] } as const
  const affine = new Array<number>(16).fill(0).with(15, 1)
  for (const [column, code] of [...axisCodes].entries()) {
    const [row, sign] = axes[code as keyof typeof axes]
    affine[row * 4 + column] = sign * spacingMm[column]!
  }
  const values = array.data instanceof Int16Array ? array.data : toFloat32(array)
  return volumeFromArray(values, array.shape as [number, number, number], affine)
}

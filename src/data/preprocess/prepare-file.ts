import type { AxisTable, AxisTables } from '../axis-tables.js'
import type { ByteSource, NamedBytes } from '../byte-source.js'
import { readSeries } from '../dicom/read.js'
import type { Axis } from '../geometry.js'
import { checkExpansion, inflatePieces, shortStream } from '../inflate.js'
import { reorient } from '../orientation.js'
import { type ReadVolumeOptions, withLocated } from '../read-volume.js'
import { type BegunResampling, beginResampling } from '../resample.js'
import { chooseVolume, decodeVolume, storedBytes, type VolumeHeader, volumeBytes } from '../stored-voxels.js'
import { axesByStride } from '../strided-copy.js'
import { countVoxels, type Volume } from '../volume.js'
import { allocateBytes, type LocatedHeader, readVoxels } from '../volume-file.js'
import { allocateVoxels, type VoxelArray, voxelType } from '../voxels.js'
import { preprocess, runSteps } from './preprocess.js'
import { type PreprocessStep, parsePreprocessSteps } from './steps.js'

/**
 * What `preprocess` makes of what `readVolume` reads, to the last bit, in less time and memory: a compressed file is
 * resampled plane by plane while the rest of it is being unpacked, and is never whole in memory. (That
 * is so where the first step after turning is a resampling by 'linear' or 'nearest' without antialiasing; all else is
 * read and then preprocessed.) Options and errors as of these two.
 */
export async function readAndPreprocess(
  input: string | NamedBytes,
  steps: readonly PreprocessStep[],
  options: ReadVolumeOptions = {},
): Promise<Volume> {
  const checked = parsePreprocessSteps(steps)
  return await withLocated(input, options, {
    file: async (source, located) =>
      (await unpackAndPreprocess(source, located, checked, options.index)) ??
      preprocess(await readVoxels(source, located, options.index), checked),
    series: async (located) => preprocess(await readSeries(located), checked),
  })
}

/** Undefined where it cannot be done by planes: nothing has been read then. */
async function unpackAndPreprocess(
  source: ByteSource,
  { header, stream }: LocatedHeader,
  steps: readonly PreprocessStep[],
  wanted: number | undefined,
): Promise<Volume | undefined> {
  const first = steps.findIndex(({ kind }) => kind !== 'orient')
  const step = steps[first]
  if (step?.kind !== 'resample' || !stream.compressed || stream.path !== undefined || !isPlain(header)) return undefined
  const index = chooseVolume(header, wanted)
  const { start, length } = volumeBytes(header, index)
  const total = stream.skip + storedBytes(header)
  checkExpansion(source.size - stream.start, total, source.name)
  // Never written or read, so that it takes no memory: it carries the geometry of the scan through the steps.
  const unread = allocateBytes(length)
  const scan = steps.slice(0, first).reduce(turned, decodeVolume(header, index, unread))
  const begun = beginResampling(scan, step.spacingMm, step)
  if (begun === undefined) return undefined
  const planes = new PlaneWindow(scan, begun)
  const skip = stream.skip + start
  const range = { start: stream.start, end: source.size }
  const bytes = await inflatePieces(source, range, total, (piece, position) => {
    const from = Math.max(skip - position, 0)
    planes.add(piece.subarray(from, Math.min(Math.max(skip + length - position, from), piece.length)))
  })
  if (bytes < skip + length) throw shortStream(source, bytes, skip + length)
  return runSteps(begun.target, steps.slice(first + 1), undefined, true)
}

const turned = (volume: Volume, step: PreprocessStep): Volume =>
  step.kind === 'orient' ? reorient(volume, step.codes) : volume

/** Whether the bytes of the file are voxels as they are unpacked, each volume in a piece. */
function isPlain({ shape, layout }: VolumeHeader): boolean {
  const { dtype, littleEndian, slope, intercept, volumeStride } = layout
  const isWhole = volumeStride >= countVoxels(shape)
  return isWhole && littleEndian && slope === 1 && intercept === 0 && dtype !== 'int64' && dtype !== 'uint64'
}

/**
 * The planes of a scan, in the order of its memory, of which only those are kept that the next planes of the result are
 * made of.
 */
class PlaneWindow {
  private readonly axis: Axis
  /** Elements of a plane. */
  private readonly plane: number
  /** Planes of the result in the order in which they can be made, and the planes of the scan that they are made of. */
  private readonly order: number[]
  private readonly low: number[]
  private readonly high: number[]
  private done = 0
  /** Planes from `first` on; `filled` bytes of them are there. */
  private window: VoxelArray
  private bytes: Uint8Array
  private first = 0
  private filled = 0

  constructor(
    private readonly source: Volume,
    private readonly begun: BegunResampling,
  ) {
    this.axis = axesByStride(source.strides)[0]
    this.plane = Math.abs(source.strides[this.axis])
    const { below, next } = begun.tables[this.axis]
    const origin = source.strides[this.axis] < 0 ? source.shape[this.axis] - 1 : 0
    const ends = Array.from(below, (offset, n) => [offset, offset + next[n]!].map((at) => origin + at / this.plane))
    this.low = ends.map(([a, b]) => Math.min(a!, b!))
    this.high = ends.map(([a, b]) => Math.max(a!, b!))
    this.order = ends.map((_, n) => n).sort((a, b) => this.high[a]! - this.high[b]!)
    this.window = allocateVoxels(voxelType(source.data), 0)
    this.bytes = new Uint8Array(0)
  }

  /** The next bytes of the scan. */
  add(piece: Uint8Array): void {
    this.makeRoom(piece.length)
    this.bytes.set(piece, this.filled)
    this.filled += piece.length
    this.fillReady()
    this.dropUsed()
  }

  private get planeBytes(): number {
    return this.plane * this.source.data.BYTES_PER_ELEMENT
  }

  private makeRoom(more: number): void {
    if (this.filled + more <= this.bytes.length) return
    const planes = Math.ceil((this.filled + more) / this.planeBytes) + 2
    const window = allocateVoxels(voxelType(this.source.data), planes * this.plane)
    const bytes = new Uint8Array(window.buffer)
    bytes.set(this.bytes.subarray(0, this.filled))
    this.window = window
    this.bytes = bytes
  }

  private fillReady(): void {
    const { axis, source, order } = this
    const { target, tables, fill } = this.begun
    const last = this.first + Math.floor(this.filled / this.planeBytes) - 1
    const begin = this.done
    while (this.done < order.length && this.high[order[this.done]!]! <= last) this.done++
    if (this.done === begin) return
    // Positions grow or fall along an axis, so what is ready is a run of planes.
    const ready = order.slice(begin, this.done)
    const [from, to] = [Math.min(...ready), Math.max(...ready) + 1]
    const part = tables.with(axis, partOf(tables[axis], from, to)) as unknown as AxisTables
    const shifted = { ...source, data: this.window, offset: source.offset - this.first * this.plane }
    fill(shifted, { ...target, offset: target.offset + from * target.strides[axis] }, part)
  }

  private dropUsed(): void {
    const wanted = this.order[this.done]
    const there = this.first + Math.floor(this.filled / this.planeBytes)
    const keepFrom = wanted === undefined ? there : Math.min(this.low[wanted]!, there)
    const gone = (keepFrom - this.first) * this.planeBytes
    if (gone <= 0) return
    this.bytes.copyWithin(0, gone, this.filled)
    this.filled -= gone
    this.first = keepFrom
  }
}

function partOf({ below, next, weight }: AxisTable, from: number, to: number): AxisTable {
  return { below: below.subarray(from, to), next: next.subarray(from, to), weight: weight.subarray(from, to) }
}

import type { AxisTable, AxisTables } from '../axis-tables.js'
import type { ByteSource, NamedBytes } from '../byte-source.js'
import { readSeries } from '../dicom/read.js'
import { checkExpansion, inflateInto } from '../inflate.js'
import { reorient } from '../orientation.js'
import { type ReadVolumeOptions, withLocated } from '../read-volume.js'
import { type BegunResampling, beginResampling } from '../resample.js'
import { chooseVolume, decodeVolume, storedBytes, type VolumeHeader, volumeBytes } from '../stored-voxels.js'
import { axesByStride } from '../strided-copy.js'
import { countVoxels, type Volume } from '../volume.js'
import { allocateBytes, type LocatedHeader, readVoxels } from '../volume-file.js'
import { preprocess } from './preprocess.js'
import { type PreprocessStep, parsePreprocessSteps } from './steps.js'

/**
 * What `preprocess` makes of what `readVolume` reads, to the last bit, in less time: a compressed file is resampled
 * plane by plane while the rest of it is being unpacked. Options and errors as of these two.
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
  const target = allocateBytes(length)
  // A view of what is still zeros: plain voxels are not changed by decoding.
  const scan = steps.slice(0, first).reduce(turned, decodeVolume(header, index, target))
  const begun = beginResampling(scan, step.spacingMm, step)
  if (begun === undefined) return undefined
  const fillFrom = planeByPlane(scan, begun)
  const range = { start: stream.start, end: source.size }
  await inflateInto(source, range, { skip: stream.skip + start, total, target }, (bytes) =>
    fillFrom(bytes / scan.data.BYTES_PER_ELEMENT),
  )
  return preprocess(begun.target, steps.slice(first + 1))
}

const turned = (volume: Volume, step: PreprocessStep): Volume =>
  step.kind === 'orient' ? reorient(volume, step.codes) : volume

/** Whether the bytes of the file are voxels as they are unpacked, each volume in a piece. */
function isPlain({ shape, layout }: VolumeHeader): boolean {
  const { dtype, littleEndian, slope, intercept, volumeStride } = layout
  const isWhole = volumeStride >= countVoxels(shape)
  return isWhole && littleEndian && slope === 1 && intercept === 0 && dtype !== 'int64' && dtype !== 'uint64'
}

/** Fills planes of the result as soon as the elements that they are made of are there: so many from the first on. */
function planeByPlane(source: Volume, { target, tables, fill }: BegunResampling): (elements: number) => void {
  const axis = axesByStride(source.strides)[0]
  const { below, next } = tables[axis]
  const plane = Math.abs(source.strides[axis])
  /** Elements that have to be there for a plane of the result. */
  const needed = Array.from(below, (offset, n) => {
    const last = Math.max(offset, offset + next[n]!)
    const origin = source.strides[axis] < 0 ? (source.shape[axis] - 1) * plane : 0
    return Math.min(origin + last + plane, source.data.length)
  })
  const order = needed.map((_, n) => n).sort((a, b) => needed[a]! - needed[b]!)
  let done = 0
  return (elements) => {
    const begin = done
    while (done < order.length && needed[order[done]!]! <= elements) done++
    if (done === begin) return
    // Positions grow or fall along an axis, so what is ready is a run of planes.
    const ready = order.slice(begin, done)
    const [from, to] = [Math.min(...ready), Math.max(...ready) + 1]
    const part = tables.with(axis, partOf(tables[axis], from, to)) as unknown as AxisTables
    fill(source, { ...target, offset: target.offset + from * target.strides[axis] }, part)
  }
}

function partOf({ below, next, weight }: AxisTable, from: number, to: number): AxisTable {
  return { below: below.subarray(from, to), next: next.subarray(from, to), weight: weight.subarray(from, to) }
}

/** Windows of a volume as an operand of a matrix product: see windows.wgsl. */
import { bytesPerElement, type DType } from '../../engine/dtype.js'
import type { ParameterWriter } from '../../engine/parameters.js'
import { type Triple, volumeOf } from './geometry.js'
import readRaggedWgsl from './read-ragged.wgsl'
import readWholeWgsl from './read-whole.wgsl'
import { readerOf, type StoredTensor } from './storage.js'
import windowsWgsl from './windows.wgsl'

/** A channels-last volume in a binding, whose first element may be further in. */
export interface VolumeView {
  readonly extents: Triple
  /** Of all groups. */
  readonly channels: number
  readonly first: number
  readonly dtype: DType
}

/** Windows on a grid, each with `taps` of `run` channels. */
export interface Windows {
  readonly volume: VolumeView
  readonly batch: number
  readonly groups: number
  readonly grid: Triple
  /** In voxels: from window to window, of the first one's first tap, and from tap to tap. */
  readonly step: Triple
  readonly origin: Triple
  readonly reach: Triple
  readonly taps: Triple
  /** Elements that a tap takes. */
  readonly run: number
}

/** Of all images, read or not. */
export const volumeBytes = ({ extents, channels, dtype }: VolumeView, batch: number): number =>
  batch * volumeOf(extents) * channels * bytesPerElement(dtype)

export const windowCount = ({ batch, grid }: Windows): number => batch * volumeOf(grid)
export const windowSize = ({ taps, run }: Windows): number => volumeOf(taps) * run

/** Whether the taps along an axis stay inside the volume, for every window. */
function staysInside({ volume, grid, step, origin, taps, reach }: Windows, axis: 0 | 1 | 2): boolean {
  const span = reach[axis] * (taps[axis] - 1)
  const first = origin[axis] + Math.min(0, span)
  const last = origin[axis] + step[axis] * (grid[axis] - 1) + Math.max(0, span)
  return first >= 0 && last < volume.extents[axis]
}

/** Taps that are neighbours in memory, taken as one of more elements: longer runs are read in whole 4-vectors. */
export function mergeTaps(windows: Windows): Windows {
  const { taps, reach, groups, run } = windows
  const adjacent = taps[2] === 1 || reach[2] === 1
  if (!adjacent || groups > 1 || !staysInside(windows, 2)) return windows
  return { ...windows, taps: [taps[0], taps[1], 1], run: run * taps[2] }
}

const isQuads = (...numbers: readonly number[]) => numbers.every((n) => n % 4 === 0)

/** Element strides of a volume: N, D, H, W. */
export function stridesOf({ extents, channels }: VolumeView): readonly [number, number, number, number] {
  const [, height, width] = extents
  const row = width * channels
  return [volumeOf(extents) * channels, height * row, row, channels]
}

/** Whether every read of four elements is one 4-vector of one tap. */
export function readsWholeVectors({ volume, run, groups, step, origin, taps, reach }: Windows): boolean {
  const [n, d, h, w] = stridesOf(volume)
  return (
    isQuads(run, n, d, h, volume.first, w * step[2], w * origin[2]) &&
    (taps[2] === 1 || isQuads(w * reach[2])) &&
    (groups === 1 || isQuads(volume.channels / groups))
  )
}

export interface WindowSource {
  readonly constants: Readonly<Record<string, boolean>>
  readonly types: Readonly<Record<string, string>>
  readonly volume: StoredTensor
  readonly shared: string
  readonly readers: string
}

export function windowSource(windows: Windows): WindowSource {
  const { dtype } = windows.volume
  const whole = readsWholeVectors(windows)
  const volume = { name: 'volume', dtype, whole }
  return {
    constants: { CHECKED: !whole || ![0, 1, 2].every((axis) => staysInside(windows, axis as 0)) },
    types: { VolumeType: dtype },
    volume,
    shared: windowsWgsl,
    readers: readerOf(volume) + (whole ? readWholeWgsl : readRaggedWgsl),
  }
}

/** Names what {@link windowSource} makes. */
export function windowKey(windows: Windows): string {
  const { constants, volume } = windowSource(windows)
  return `${volume.dtype}|${volume.whole}|${constants.CHECKED}`
}

/** The fields of `Params` that are the windows' own. */
export function writeWindows(writer: ParameterWriter, windows: Windows): void {
  const { volume, groups, grid, step, origin, taps, reach, run } = windows
  writer.signedVectors([...volume.extents, volume.channels / groups], 4).signedVectors(stridesOf(volume), 4)
  writer
    .vectors([...grid, run], 4)
    .signedVectors([...step, volume.first], 4)
    .signedVectors(origin, 4)
  writer.vectors(taps, 4).signedVectors(reach, 4)
}

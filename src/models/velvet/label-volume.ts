/**
 * The classes of a whole scan, put together tile by tile: the logits of all classes of a scan are many times the largest
 * binding of an adapter, and the scan itself may be beyond it. Arithmetic as in `slidingWindow`.
 */
import { type Device, type DType, full, noGrad, scope, type Tensor, tensor, zeros } from '../../engine/index.js'
import { argMax } from '../../kernels/argreduce/index.js'
import { blendWindow } from '../../kernels/blend/index.js'
import { cast, div } from '../../kernels/elementwise/index.js'
import { reshape, type SliceRange, slice } from '../../kernels/layout/index.js'
import type { Triple } from '../layers/basic.js'
import { axisStarts, checkOverlap, type SlidingWindowOptions, slidingStarts, windowWeights } from './sliding-window.js'

export interface LabelVolumeOptions extends Omit<SlidingWindowOptions, 'onProgress'> {
  readonly device: Device
  /** Of the windows that the predictor gets. Default f32. */
  readonly dtype?: DType | undefined
  /** Largest bytes of one tile's sums. Default: the adapter's largest binding. */
  readonly tileBytes?: number | undefined
  /** After every batch of windows that the device has computed. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** One channel on the host, row-major. */
export interface HostVolume {
  readonly data: Float32Array
  readonly shape: Triple
}

/** A part of the volume, filled up to whole windows, whose sums are one tensor. */
interface Tile {
  readonly start: Triple
  readonly end: Triple
  sums?: Tensor
  weightSums?: Tensor
}

const axes = [0, 1, 2] as const
const map3 = (fn: (axis: 0 | 1 | 2) => number): Triple => [fn(0), fn(1), fn(2)]

/**
 * Applies a predictor to windows of a volume and gives the most likely class of every voxel, row-major; of equal ones the
 * first. Windows go along the first axis, and a tile is read back as soon as no further window reaches it.
 *
 * @param predict windows `[n, ...window, 1]` to logits `[n, ...window, classes]`, at most 256 classes
 * @throws ValueError for an overlap outside [0, 1); what `predict` throws.
 */
export async function labelVolume(
  volume: HostVolume,
  predict: (windows: Tensor) => Tensor,
  options: LabelVolumeOptions,
): Promise<Uint8Array> {
  const { device, window, overlap = 0.25, windowBatch = 4, dtype = 'f32', onProgress } = options
  checkOverlap(overlap)
  const filled = map3((axis) => Math.max(volume.shape[axis], window[axis]))
  const before = map3((axis) => Math.floor((filled[axis] - volume.shape[axis]) / 2))
  const labels = new Uint8Array(volume.data.length)
  const starts = slidingStarts(filled, window, overlap)
  using importance = windowWeights(device, options)
  using ones = full(device, [...window, 1], 1)
  let tiles: Tile[] | undefined
  try {
    for (let first = 0; first < starts.length; first += windowBatch) {
      const batch = starts.slice(first, first + windowBatch)
      const shape = [batch.length, ...window, 1]
      using predictions = noGrad(() =>
        scope(() => {
          const values = cutWindows(volume, batch, { window, before })
          return cast(predict(tensor(device, values, shape, { dtype })), 'f32')
        }),
      )
      const classes = predictions.shape[4]!
      tiles ??= planTiles(filled, options, classes, options.tileBytes ?? device.capabilities.maxBindingBytes)
      for (const [i, start] of batch.entries()) {
        using own = scope(() => reshape(slice(predictions, [[i, i + 1]]), [...window, classes]))
        for (const tile of tiles) addWindow(tile, { start, window }, own, { importance, ones })
      }
      const reached = starts[first + windowBatch]?.[0] ?? Number.POSITIVE_INFINITY
      const finished = tiles.filter(({ end }) => end[0] <= reached)
      tiles = tiles.filter((tile) => !finished.includes(tile))
      for (const tile of finished) await readTile(tile, labels, { shape: volume.shape, before })
      // Without it, progress would tell what was recorded, and windows would pile up.
      await device.sync()
      onProgress?.(first + batch.length, starts.length)
    }
    return labels
  } finally {
    for (const tile of tiles ?? []) disposeTile(tile)
  }
}

/**
 * Tiles along the first axis end where windows start, half a window apart or more, so that they are finished early; the
 * second axis is cut until a tile's sums are small enough.
 */
function planTiles(
  filled: Triple,
  { window, overlap = 0.25 }: Pick<SlidingWindowOptions, 'window' | 'overlap'>,
  classes: number,
  tileBytes: number,
): Tile[] {
  const cuts = [0]
  for (const start of axisStarts(filled[0], window[0], overlap)) {
    if (start - cuts.at(-1)! >= window[0] / 2) cuts.push(start)
  }
  return cuts.flatMap((top, i) => {
    const bottom = cuts[i + 1] ?? filled[0]
    const lineBytes = 4 * (bottom - top) * filled[2] * classes
    const lines = Math.max(1, Math.min(filled[1], Math.floor(tileBytes / lineBytes)))
    return Array.from({ length: Math.ceil(filled[1] / lines) }, (_, j): Tile => {
      const left = j * lines
      return { start: [top, left, 0], end: [bottom, Math.min(left + lines, filled[1]), filled[2]] }
    })
  })
}

interface Place {
  readonly start: Triple
  readonly window: Triple
}

/** Adds the part of a window that lies in a tile. */
function addWindow(
  tile: Tile,
  { start, window }: Place,
  values: Tensor,
  { importance, ones }: { readonly importance: Tensor; readonly ones: Tensor },
): void {
  const from = map3((axis) => Math.max(tile.start[axis], start[axis]))
  const to = map3((axis) => Math.min(tile.end[axis], start[axis] + window[axis]))
  if (axes.some((axis) => from[axis] >= to[axis])) return
  const size = map3((axis) => tile.end[axis] - tile.start[axis])
  tile.sums ??= zeros(values.device, [1, ...size, values.shape[3]!])
  tile.weightSums ??= zeros(values.device, [1, ...size, 1])
  const { sums, weightSums } = tile
  scope(() => {
    const part = (x: Tensor): Tensor =>
      slice(
        x,
        axes.map((axis): SliceRange => [from[axis] - start[axis], to[axis] - start[axis]]),
      )
    const place = { sample: 0, start: map3((axis) => from[axis] - tile.start[axis]) }
    const weights = part(importance)
    blendWindow(sums, part(values), weights, place)
    blendWindow(weightSums, part(ones), weights, place)
  })
}

interface Margins {
  readonly shape: Triple
  /** Voxels that were filled in before each axis. */
  readonly before: Triple
}

/** Every tile is covered by windows before it is read: they leave no gap. */
async function readTile(tile: Tile, labels: Uint8Array, { shape, before }: Margins): Promise<void> {
  using classes = noGrad(() => scope(() => argMax(div(tile.sums!, tile.weightSums!), { axis: 4 })))
  disposeTile(tile)
  const values = await classes.data()
  const size = map3((axis) => tile.end[axis] - tile.start[axis])
  const from = map3((axis) => Math.max(tile.start[axis] - before[axis], 0))
  const to = map3((axis) => Math.min(tile.end[axis] - before[axis], shape[axis]))
  for (let i = from[0]; i < to[0]; i++) {
    for (let j = from[1]; j < to[1]; j++) {
      const line = (i + before[0] - tile.start[0]) * size[1] + (j + before[1] - tile.start[1])
      const source = line * size[2] + from[2] + before[2] - tile.start[2]
      const target = (i * shape[1] + j) * shape[2] + from[2]
      for (let k = 0; k < to[2] - from[2]; k++) labels[target + k] = values[source + k]!
    }
  }
}

function disposeTile({ sums, weightSums }: Tile): void {
  sums?.dispose()
  weightSums?.dispose()
}

/** Windows of a volume one after the other, zero outside of it. */
function cutWindows(
  { data, shape }: HostVolume,
  starts: readonly Triple[],
  { window, before }: { readonly window: Triple; readonly before: Triple },
): Float32Array {
  const [h, w, d] = window
  const values = new Float32Array(starts.length * h * w * d)
  for (const [n, start] of starts.entries()) {
    const [top, left, front] = map3((axis) => start[axis] - before[axis])
    const [from, to] = [Math.max(front, 0), Math.min(front + d, shape[2])]
    for (let i = Math.max(0, -top); i < Math.min(h, shape[0] - top); i++) {
      for (let j = Math.max(0, -left); j < Math.min(w, shape[1] - left); j++) {
        const line = ((top + i) * shape[1] + left + j) * shape[2]
        const target = ((n * h + i) * w + j) * d
        values.set(data.subarray(line + from, line + to), target + from - front)
      }
    }
  }
  return values
}

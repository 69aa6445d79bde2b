/** Evaluation windows: which part of a prepared scan the image tower sees for an anatomy. Order D, H, W throughout. */
import type { Triple } from '../layers/basic.js'

/** First and last voxel of an anatomy along each axis, both included. */
export interface OrganBox {
  readonly low: Triple
  readonly high: Triple
}

export interface EvaluationWindow {
  readonly start: Triple
  /** Exclusive. */
  readonly end: Triple
  /** Extents after zero padding at the end of each axis. */
  readonly padded: Triple
}

/**
 * The window of an anatomy as the published evaluation places it: per axis `max(least, high - low)` voxels around
 * `floor((low + high) / 2)`, moved into the volume, cut where the volume is shorter, and padded to whole patches. The
 * extent is one voxel less than the anatomy's own, as published.
 */
export function evaluationWindow(box: OrganBox, extents: Triple, least: Triple, patch: Triple): EvaluationWindow {
  const axes = [0, 1, 2].map((axis) => {
    const [low, high, extent] = [box.low[axis]!, box.high[axis]!, extents[axis]!]
    const size = Math.max(least[axis]!, high - low)
    const wanted = Math.max(0, Math.floor((low + high) / 2) - Math.floor(size / 2))
    const end = Math.min(extent, wanted + size)
    const start = end - wanted < size ? Math.max(0, end - size) : wanted
    return { start, end, padded: Math.ceil((end - start) / patch[axis]!) * patch[axis]! }
  })
  const collect = (key: 'start' | 'end' | 'padded') => axes.map((axis) => axis[key]) as unknown as Triple
  return { start: collect('start'), end: collect('end'), padded: collect('padded') }
}

/** The box of every number 1 ... count in a label map `[D, H, W]`; undefined where it does not occur. */
export function organBoxes(labels: ArrayLike<number>, extents: Triple, count: number): (OrganBox | undefined)[] {
  const low = Array.from({ length: count }, () => [...extents] as [number, number, number])
  const high = Array.from({ length: count }, () => [-1, -1, -1] as [number, number, number])
  const [depth, height, width] = extents
  let i = 0
  for (let d = 0; d < depth; d++) {
    for (let h = 0; h < height; h++) {
      for (let w = 0; w < width; w++) {
        const label = labels[i++]!
        if (label === 0 || label > count) continue
        const [least, most] = [low[label - 1]!, high[label - 1]!]
        if (d < least[0]) least[0] = d
        if (h < least[1]) least[1] = h
        if (w < least[2]) least[2] = w
        if (d > most[0]) most[0] = d
        if (h > most[1]) most[1] = h
        if (w > most[2]) most[2] = w
      }
    }
  }
  return low.map((least, n) => (high[n]![0] < 0 ? undefined : { low: least, high: high[n]! }))
}

/** Cuts a window out of an array `[D, H, W]` and fills it up with zeros. */
export function cutWindow<Values extends Float32Array | Uint8Array>(
  values: Values,
  extents: Triple,
  { start, end, padded }: EvaluationWindow,
): Values {
  const cut = new (values.constructor as new (length: number) => Values)(padded[0] * padded[1] * padded[2])
  for (let d = start[0]; d < end[0]; d++) {
    for (let h = start[1]; h < end[1]; h++) {
      const row = (d * extents[1] + h) * extents[2]
      const target = ((d - start[0]) * padded[1] + h - start[1]) * padded[2]
      cut.set(values.subarray(row + start[2], row + end[2]) as Values, target)
    }
  }
  return cut
}

import { DataError } from '../errors.js'
import { axesByStride } from '../strided-copy.js'
import type { Volume } from '../volume.js'

export interface IntensityWindow {
  /** The value that becomes middle grey. */
  center: number
  /** The range from black to white. */
  width: number
}

/** Display windows in HU; `unit` is for volumes scaled to -1 ... 1. */
export const windowPresets = {
  lung: { center: -600, width: 1500 },
  mediastinum: { center: 40, width: 400 },
  abdomen: { center: 60, width: 400 },
  liver: { center: 90, width: 150 },
  bone: { center: 400, width: 1800 },
  brain: { center: 40, width: 80 },
  wide: { center: 0, width: 2000 },
  unit: { center: 0, width: 2 },
} as const satisfies Record<string, IntensityWindow>

/** A named window, or `auto`: from the 0.5th to the 99.5th percentile of the volume. */
export type WindowPreset = keyof typeof windowPresets | 'auto'

/** Part of the voxels that `auto` lets go black, and white. */
const CLIPPED_PART = 0.005

/** Voxels that are looked at for percentiles; a million places them to a tenth of a per cent. */
const MOST_SAMPLES = 2 ** 20

/** The window meant by a name or given in numbers. Throws a DataError for one that is unknown or not possible. */
export function resolveWindow(window: IntensityWindow | WindowPreset, volume: Volume): IntensityWindow {
  if (window === 'auto') return automaticWindow(volume)
  if (typeof window === 'string' && !Object.hasOwn(windowPresets, window)) {
    throw new DataError(`there is no window '${window}'`, {
      remedy: `Known are auto, ${Object.keys(windowPresets).join(', ')}; or give center and width`,
    })
  }
  const { center, width } = typeof window === 'string' ? windowPresets[window] : window
  if (!(width > 0 && Number.isFinite(width) && Number.isFinite(center))) {
    throw new DataError(`a window of center ${center} and width ${width} is not possible`)
  }
  return { center, width }
}

/** Grey value 0 to 255. NaN is black. */
export function windowed(value: number, { center, width }: IntensityWindow): number {
  const part = (value - center) / width + 0.5
  return part > 0 ? Math.round(255 * Math.min(part, 1)) : 0
}

function automaticWindow({ data, shape, strides, offset }: Volume): IntensityWindow {
  const every = Math.max(1, Math.ceil((shape[0] * shape[1] * shape[2]) / MOST_SAMPLES))
  const values: number[] = []
  const [outer, middle, inner] = axesByStride(strides)
  let n = 0
  for (let o = 0; o < shape[outer]; o++) {
    for (let m = 0; m < shape[middle]; m++) {
      const line = offset + o * strides[outer] + m * strides[middle]
      for (; n < shape[inner]; n += every) {
        const value = data[line + n * strides[inner]]!
        if (Number.isFinite(value)) values.push(value)
      }
      // The step goes on across lines, so that no column is left out.
      n -= shape[inner]
    }
  }
  if (values.length === 0) return { center: 0, width: 1 }
  const sorted = Float64Array.from(values).sort()
  const at = (part: number) => sorted[Math.round(part * (sorted.length - 1))]!
  const [low, high] = [at(CLIPPED_PART), at(1 - CLIPPED_PART)]
  // A constant volume is middle grey.
  return high > low ? { center: (low + high) / 2, width: high - low } : { center: low, width: 1 }
}

/** Inference over a volume window by window, put together on the GPU (reference §6.1; MONAI's arithmetic). */
import { type Device, full, noGrad, scope, type Tensor, tensor, ValueError, zeros } from '../../engine/index.js'
import { blendWindow, type WindowPlace } from '../../kernels/blend/index.js'
import { cast, div } from '../../kernels/elementwise/index.js'
import { concat } from '../../kernels/join/index.js'
import { reshape, type SliceRange, slice } from '../../kernels/layout/index.js'
import { pad } from '../../kernels/pad/index.js'
import type { Triple } from '../layers/basic.js'

export interface SlidingWindowOptions {
  readonly window: Triple
  /** Part of a window that the next one covers too, from 0 to below 1. Default 0.25. */
  readonly overlap?: number | undefined
  /** `uniform` weighs all of a window alike; `gaussian` trusts its centre most. Default `uniform`. */
  readonly blending?: 'uniform' | 'gaussian' | undefined
  /** Deviation of the weights per side of the window, for `gaussian`. Default 0.125. */
  readonly sigmaScale?: number | undefined
  /** Windows that the predictor sees at once. Default 4. */
  readonly windowBatch?: number | undefined
  /** After every batch of windows. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Throws a ValueError for an overlap outside [0, 1). */
export function checkOverlap(overlap: number): void {
  if (!(overlap >= 0 && overlap < 1)) throw new ValueError(`sliding window: the overlap ${overlap} is not in [0, 1)`)
}

/** First voxels of the windows along an axis: the last one is pulled back to the border. */
export function axisStarts(size: number, window: number, overlap: number): number[] {
  if (size <= window) return [0]
  const step = Math.max(1, Math.floor(window * (1 - overlap)))
  const count = Math.ceil((size - window) / step) + 1
  return Array.from({ length: count }, (_, i) => Math.min(i * step, size - window))
}

/** First voxels of all windows in visiting order, the last axis fastest. */
export function slidingStarts(size: Triple, window: Triple, overlap: number): Triple[] {
  const [a, b, c] = size.map((extent, axis) => axisStarts(extent, window[axis]!, overlap)) as [
    number[],
    number[],
    number[],
  ]
  return a.flatMap((i) => b.flatMap((j) => c.map((k): Triple => [i, j, k])))
}

const smallestWeight = 1e-3

/** Weights of a window's voxels, row-major: a Gaussian around its centre, nowhere below 0.001. */
export function gaussianImportance(window: Triple, sigmaScale = 0.125): Float32Array {
  const lines = window.map((size) =>
    Float32Array.from({ length: size }, (_, n) => {
      const away = n - (size - 1) / 2
      const sigma = size * sigmaScale
      return Math.exp(-(away * away) / (2 * sigma * sigma))
    }),
  )
  const weights = new Float32Array(window[0] * window[1] * window[2])
  let place = 0
  for (const a of lines[0]!) {
    for (const b of lines[1]!) {
      for (const c of lines[2]!) weights[place++] = Math.max(Math.fround(a * b) * c, smallestWeight)
    }
  }
  return weights
}

/**
 * Applies a predictor to windows of a volume `[N, H, W, D, C]` and averages what it says where they overlap:
 * `[N, H, W, D, classes]`. A volume shorter than the window is filled up with zeros on both sides and cut again. No
 * gradient. The sums stay on the GPU, as one tensor: for whole scans see `labelVolume`.
 *
 * @param predict windows `[n, ...window, C]` to `[n, ...window, classes]`
 * @throws ValueError for an overlap outside [0, 1).
 */
export function slidingWindow(
  volume: Tensor,
  predict: (windows: Tensor) => Tensor,
  options: SlidingWindowOptions,
): Tensor {
  const { window, overlap = 0.25, windowBatch = 4, onProgress } = options
  checkOverlap(overlap)
  return noGrad(() =>
    scope(() => {
      const size = volume.shape.slice(1, 4) as unknown as Triple
      const margins = size.map((extent, axis): [number, number] => {
        const missing = Math.max(0, window[axis]! - extent)
        return [Math.floor(missing / 2), Math.ceil(missing / 2)]
      })
      const filled = margins.some(([, after]) => after > 0) ? pad(volume, [[0, 0], ...margins, [0, 0]]) : volume
      const whole = filled.shape.slice(1, 4) as unknown as Triple
      const importance = windowWeights(volume.device, options)
      const jobs = Array.from({ length: volume.shape[0]! }, (_, sample) => sample).flatMap((sample) =>
        slidingStarts(whole, window, overlap).map((start) => ({ sample, start })),
      )
      const weightSums = zeros(volume.device, [1, ...whole, 1])
      const ones = full(volume.device, [...window, 1], 1)
      for (const { sample, start } of jobs)
        if (sample === 0) blendWindow(weightSums, ones, importance, { sample, start })
      let sums: Tensor | undefined
      for (let first = 0; first < jobs.length; first += windowBatch) {
        const batch = jobs.slice(first, first + windowBatch)
        const predictions = scope(() => predict(cut(filled, batch, window)))
        sums ??= zeros(volume.device, [volume.shape[0]!, ...whole, predictions.shape[4]!])
        for (const [i, place] of batch.entries()) blendOne(sums, predictions, i, importance, place)
        predictions.dispose()
        onProgress?.(first + batch.length, jobs.length)
      }
      const mean = div(sums!, weightSums)
      const inner = margins.map(([before], axis): SliceRange => [before, before + size[axis]!])
      return slice(mean, [[0], ...inner])
    }),
  )
}

const cut = (volume: Tensor, places: readonly WindowPlace[], window: Triple): Tensor =>
  scope(() =>
    concat(
      places.map(({ sample, start }) =>
        slice(volume, [
          [sample, sample + 1],
          ...start.map((first, axis): SliceRange => [first, first + window[axis]!]),
        ]),
      ),
      0,
    ),
  )

function blendOne(sums: Tensor, predictions: Tensor, i: number, weights: Tensor, place: WindowPlace): void {
  scope(() => {
    const own = slice(predictions, [[i, i + 1]])
    blendWindow(sums, cast(reshape(own, own.shape.slice(1)), 'f32'), weights, place)
  })
}

/** Weights `[window]` of a window's voxels. */
export function windowWeights(
  device: Device,
  { window, blending = 'uniform', sigmaScale }: Pick<SlidingWindowOptions, 'window' | 'blending' | 'sigmaScale'>,
): Tensor {
  const weights =
    blending === 'gaussian'
      ? gaussianImportance(window, sigmaScale)
      : new Float32Array(window[0] * window[1] * window[2]).fill(1)
  return tensor(device, weights, window)
}

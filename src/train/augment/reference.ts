/** The arithmetic of a plan in float64, plainly: what the device is held to. */
import type { ReferenceArray } from '../../engine/index.js'
import { fillBoxes } from '../../kernels/boxes3d/reference.js'
import { drawNormal } from '../../kernels/random/host.js'
import { encodeMaps } from '../../kernels/warp3d/maps.js'
import { warpReference } from '../../kernels/warp3d/reference.js'
import { gaussianBands } from './gaussian.js'
import type { AugmentPass, AugmentPlan } from './plan.js'

/** `x` `[N, D, H, W, C]` after a plan. */
export function augmentReference(x: ReferenceArray, plan: AugmentPlan): ReferenceArray {
  return plan.passes.reduce(referencePass, x)
}

function referencePass(x: ReferenceArray, pass: AugmentPass): ReferenceArray {
  const voxels = x.data.length / x.shape[0]!
  const sampleOf = (i: number) => Math.floor(i / voxels)
  const mapped = (fn: (value: number, sample: number, i: number) => number): ReferenceArray => ({
    data: x.data.map((value, i) => fn(value, sampleOf(i), i)),
    shape: x.shape,
  })
  switch (pass.kind) {
    case 'warp': {
      const { maps, size, interpolation, outside, bend } = pass
      const target = [x.shape[0]!, ...size, x.shape[4]!]
      return warpReference(x, encodeMaps(maps, size), {
        ...{ target, interpolation, outside: outside ?? undefined },
        bend: bend && { data: Float64Array.from(bend.voxels.flat()), shape: [maps.length, ...bend.points, 3] },
      })
    }
    case 'noise':
      return mapped((value, n, i) => value + pass.std[n]! * drawNormal(pass.draws[n]!, i % voxels))
    case 'linear':
      return mapped((value, n) => value * pass.slope[n]! + pass.intercept[n]!)
    case 'gamma': {
      const [low, high] = pass.interval
      return mapped((value, n) => {
        const part = Math.min(Math.max((value - low) / (high - low), 0), 1)
        return low + (high - low) * part ** pass.exponent[n]!
      })
    }
    case 'blur':
      return [1, 2, 3].reduce((current, axis) => blurred(current, axis, pass.sigma), x)
    case 'boxes': {
      const { boxes, fill, partners } = pass
      const source = partners && mapped((_, n, i) => x.data[partners[n]! * voxels + (i % voxels)]!)
      return fillBoxes(x, boxes, fill, source)
    }
    case 'shuffle':
      return shuffled(x, pass)
  }
}

function blurred({ data, shape }: ReferenceArray, axis: number, sigma: readonly number[]): ReferenceArray {
  const inner = shape.slice(axis + 1).reduce((product, extent) => product * extent, 1)
  const extent = shape[axis]!
  const bands = sigma.map((width) => gaussianBands(extent, width))
  const result = data.map((_, i) => {
    const place = Math.floor(i / inner) % extent
    const { first, weights } = bands[Math.floor((i * shape[0]!) / data.length)]![place]!
    return Array.from(weights).reduce((sum, weight, t) => sum + weight * data[i + (first + t - place) * inner]!, 0)
  })
  return { data: result, shape }
}

function shuffled({ data, shape }: ReferenceArray, { patch, orders }: Extract<AugmentPass, { kind: 'shuffle' }>) {
  const [, depth, height, width, channels] = shape as [number, number, number, number, number]
  const counts = [depth / patch[0], height / patch[1], width / patch[2]] as const
  const result = data.map((_, i) => {
    const at = [depth, height, width].reduceRight<{ rest: number; place: number[] }>(
      ({ rest, place }, extent) => ({ rest: Math.floor(rest / extent), place: [rest % extent, ...place] }),
      { rest: Math.floor(i / channels), place: [] },
    )
    const [d, h, w] = at.place.map((place, axis) => Math.floor(place / patch[axis]!)) as [number, number, number]
    const from = orders[at.rest]![(d * counts[1] + h) * counts[2] + w]!
    const corner = [
      Math.floor(from / counts[1] / counts[2]),
      Math.floor(from / counts[2]) % counts[1],
      from % counts[2],
    ]
    const [p, q, r] = at.place.map((place, axis) => corner[axis]! * patch[axis]! + (place % patch[axis]!)) as [
      number,
      number,
      number,
    ]
    return data[(((at.rest * depth + p) * height + q) * width + r) * channels + (i % channels)]!
  })
  return { data: result, shape }
}

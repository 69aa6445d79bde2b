/** Samples at mapped places in float64. */
import type { ReferenceArray } from '../../engine/op.js'
import { type Shape, sizeOf } from '../../engine/shape.js'
import type { WarpInterpolation } from './kernel.js'
import { decodeMap } from './maps.js'

interface Warp {
  readonly target: Shape
  readonly interpolation: WarpInterpolation
  readonly outside: number | undefined
  readonly bend: ReferenceArray | undefined
}

/** Voxels along one axis with their weights. Positions lie within the axis. */
function tapsOf(position: number, interpolation: WarpInterpolation): { at: number; weight: number }[] {
  const below = Math.floor(position)
  const part = position - below
  if (interpolation === 'nearest') return [{ at: Math.floor(position + 0.5), weight: 1 }]
  const weights =
    interpolation === 'linear'
      ? [0, 1 - part, part, 0]
      : [
          -0.5 * part ** 3 + part ** 2 - 0.5 * part,
          1.5 * part ** 3 - 2.5 * part ** 2 + 1,
          -1.5 * part ** 3 + 2 * part ** 2 + 0.5 * part,
          0.5 * part ** 3 - 0.5 * part ** 2,
        ]
  return weights.map((weight, n) => ({ at: below - 1 + n, weight })).filter(({ weight }) => weight !== 0)
}

const clampTo = (value: number, last: number) => Math.min(Math.max(value, 0), last)

/** Weights of the four control points around a place between the second and the third. */
const splineOf = (part: number) =>
  [(1 - part) ** 3, 3 * part ** 3 - 6 * part ** 2 + 4, -3 * part ** 3 + 3 * part ** 2 + 3 * part + 1, part ** 3].map(
    (weight) => weight / 6,
  )

/** The displacement at an output voxel. */
function bendAt({ data, shape }: ReferenceArray, sample: number, at: readonly number[], size: readonly number[]) {
  const points = shape.slice(1, 4)
  const axes = points.map((count, k) => {
    const position = (at[k]! * (count - 1)) / Math.max(1, size[k]! - 1)
    const below = Math.floor(position)
    return splineOf(position - below).map((weight, n) => ({ at: clampTo(below - 1 + n, count - 1), weight }))
  })
  const sum = [0, 0, 0]
  for (const a of axes[0]!) {
    for (const b of axes[1]!) {
      for (const c of axes[2]!) {
        const point = ((sample * points[0]! + a.at) * points[1]! + b.at) * points[2]! + c.at
        for (let k = 0; k < 3; k++) sum[k]! += a.weight * b.weight * c.weight * data[3 * point + k]!
      }
    }
  }
  return sum
}

export function warpReference(x: ReferenceArray, maps: ArrayLike<number>, warp: Warp): ReferenceArray {
  const { target, interpolation, outside, bend } = warp
  const size = x.shape.slice(1, 4)
  const targetSize = target.slice(1, 4)
  const channels = x.shape[4]!
  const data = new Float64Array(sizeOf(target))
  for (let i = 0; i < data.length; i += channels) {
    let rest = i / channels
    const at = [0, 0, 0]
    for (let k = 2; k >= 0; k--) {
      at[k] = rest % targetSize[k]!
      rest = Math.floor(rest / targetSize[k]!)
    }
    const map = decodeMap(maps, rest)
    const displaced = bend ? bendAt(bend, rest, at, targetSize) : [0, 0, 0]
    const positions = [0, 4, 8].map(
      (row, k) => map[row]! * at[0]! + map[row + 1]! * at[1]! + map[row + 2]! * at[2]! + map[row + 3]! + displaced[k]!,
    )
    const inside = positions.every((position, k) => position >= -0.5 && position <= size[k]! - 0.5)
    const taps = positions.map((position, k) => tapsOf(clampTo(position, size[k]! - 1), interpolation))
    for (let c = 0; c < channels; c++) {
      if (outside !== undefined && !inside) {
        data[i + c] = outside
        continue
      }
      for (const d of taps[0]!) {
        for (const h of taps[1]!) {
          for (const w of taps[2]!) {
            const [p, q, r] = [d, h, w].map((tap, k) => clampTo(tap.at, size[k]! - 1)) as [number, number, number]
            const value = x.data[(((rest * size[0]! + p) * size[1]! + q) * size[2]! + r) * channels + c]!
            data[i + c]! += d.weight * h.weight * w.weight * value
          }
        }
      }
    }
  }
  return { data, shape: target }
}

/** Affine maps from output to input voxels, 12 numbers row by row, as `warp3d` takes them. */
import { invertAffine, multiplyAffines } from '../../data/index.js'
import { identityMap, type WarpMap } from '../../kernels/index.js'

export type Triple = [number, number, number]

const square = (map: WarpMap): number[] => [...map, 0, 0, 0, 1]

/** The map with the second applied first. */
export const composed = (after: WarpMap, before: WarpMap): WarpMap =>
  multiplyAffines(square(after), square(before)).slice(0, 12)

export const inverted = (map: WarpMap): WarpMap => invertAffine(square(map)).slice(0, 12)

export function translation([d, h, w]: Readonly<Triple>): WarpMap {
  return [1, 0, 0, d, 0, 1, 0, h, 0, 0, 1, w]
}

/** Reverses axes of a volume. */
export function flipMap(size: Readonly<Triple>, axes: readonly number[]): WarpMap {
  const map = [...identityMap]
  for (const axis of axes) {
    map[5 * axis] = -1
    map[4 * axis + 3] = size[axis]! - 1
  }
  return map
}

/** Quarter turns in the plane of two axes of equal size, from the first toward the second: NumPy's `rot90`. */
export function quarterTurns(size: Readonly<Triple>, [a, b]: readonly [number, number], turns: number): WarpMap {
  const last = size[a]! - 1
  const once = [...identityMap]
  // rot90 is a transposition after a reversal of the second axis: y[i, j] = x[j, last - i].
  for (const axis of [a, b]) once[5 * axis] = 0
  once[4 * a + b] = 1
  once[4 * b + a] = -1
  once[4 * b + 3] = last
  let map: WarpMap = identityMap
  for (let turn = 0; turn < turns; turn++) map = composed(map, once)
  return map
}

/** Turns by angles in radians about each axis, then grows by a factor and shifts, all about the middle of a volume. */
export function similarity(
  size: Readonly<Triple>,
  { radians, factor, shift, spacing }: { radians: Triple; factor: number; shift: Triple; spacing: Triple },
): WarpMap {
  const turned = radians.reduce<WarpMap>((map, angle, axis) => composed(map, axisTurn(axis, angle)), identityMap)
  // The turn is one in millimetres; the rest is in voxels.
  const inVoxels = turned.map((value, n) => (value * spacing[n % 4]!) / spacing[Math.floor(n / 4)]! / factor)
  for (const n of [3, 7, 11]) inVoxels[n] = 0
  const middle = size.map((extent) => (extent - 1) / 2) as Triple
  const away = translation(middle.map((place, axis) => -place - shift[axis]!) as Triple)
  return composed(translation(middle), composed(inVoxels, away))
}

function axisTurn(axis: number, angle: number): WarpMap {
  const [a, b] = [(axis + 1) % 3, (axis + 2) % 3]
  const map = [...identityMap]
  map[5 * a] = Math.cos(angle)
  map[4 * a + b] = -Math.sin(angle)
  map[4 * b + a] = Math.sin(angle)
  map[5 * b] = Math.cos(angle)
  return map
}

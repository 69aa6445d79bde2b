/** Which voxel of a grid stands where in the attention windows of a Swin block (MONAI's rules; reference §1.1). */
import type { Triple } from '../layers/basic.js'

/** Windows of one grid; windows and the tokens in them are enumerated row-major. */
export interface WindowPlan {
  readonly grid: Triple
  /** An axis no longer than the configured window is one window of its own length. */
  readonly window: Triple
  /** Cyclic shift per axis; 0 where the window is the whole axis. */
  readonly shift: Triple
  /** The grid, filled up at the end of each axis to whole windows. */
  readonly padded: Triple
  readonly windows: number
  readonly tokensPerWindow: number
  /** `[windows * tokens]`: the voxel of the grid, -1 for padding. Padding takes part in attention, as upstream. */
  readonly source: Int32Array
  /** `[voxels of the grid]`: its place among all windows' tokens. */
  readonly target: Int32Array
  /** `[windows, tokens]`: tokens of different regions are not neighbours in space. Undefined without a shift. */
  readonly regions: Int32Array | undefined
}

const volume = ([a, b, c]: Triple): number => a * b * c
const map3 = (fn: (axis: 0 | 1 | 2) => number): Triple => [fn(0), fn(1), fn(2)]

/** @param shifted whether the block is one of the odd ones, which shift by half a window. */
export function planWindows(grid: Triple, windowSize: number, shifted: boolean): WindowPlan {
  const window = map3((axis) => Math.min(windowSize, grid[axis]))
  const shift = map3((axis) => (shifted && grid[axis] > windowSize ? Math.floor(windowSize / 2) : 0))
  const padded = map3((axis) => Math.ceil(grid[axis] / window[axis]) * window[axis])
  return { ...partition(grid, { window, shift, padded }), grid }
}

/** {@link planWindows} for windows, shifts and padding that are given. */
export function partition(
  grid: Triple,
  { window, shift, padded }: Pick<WindowPlan, 'window' | 'shift' | 'padded'>,
): WindowPlan {
  const tokensPerWindow = volume(window)
  const windows = volume(padded) / tokensPerWindow
  const source = new Int32Array(windows * tokensPerWindow)
  const target = new Int32Array(volume(grid))
  const shifts = shift.some((step) => step > 0)
  const regions = shifts ? new Int32Array(source.length) : undefined
  const regionOf = shifts ? axisRegions({ window, shift, padded }) : undefined
  let place = 0
  for (const at of windowOrder(padded, window)) {
    // A roll by -shift brings what was `shift` further to this place.
    const voxel = map3((axis) => (at[axis] + shift[axis]) % padded[axis])
    const inside = voxel.every((index, axis) => index < grid[axis]!)
    const index = (voxel[0] * grid[1] + voxel[1]) * grid[2] + voxel[2]
    source[place] = inside ? index : -1
    if (inside) target[index] = place
    if (regions && regionOf) regions[place] = regionOf(at)
    place++
  }
  return { grid, window, shift, padded, windows, tokensPerWindow, source, target, regions }
}

/** Positions of the padded grid, window by window. */
function* windowOrder(padded: Triple, window: Triple): Generator<Triple> {
  const counts = map3((axis) => padded[axis] / window[axis])
  for (const [i, j, k] of positions(counts)) {
    for (const [a, b, c] of positions(window)) yield [i * window[0] + a, j * window[1] + b, k * window[2] + c]
  }
}

function* positions(size: Triple): Generator<Triple> {
  for (let i = 0; i < size[0]; i++) {
    for (let j = 0; j < size[1]; j++) {
      for (let k = 0; k < size[2]; k++) yield [i, j, k]
    }
  }
}

/** Regions `[padded]` of a shifted grid before it is cut into windows, row-major. */
export function shiftRegions(plan: Pick<WindowPlan, 'window' | 'shift' | 'padded'>): Int32Array {
  const regionOf = axisRegions(plan)
  return Int32Array.from(positions(plan.padded), regionOf)
}

/**
 * A shifted axis is cut in [0, n - window), [n - window, n - shift) and [n - shift, n); others are all of the third kind,
 * even where further axes are shifted. A region's number counts the 27 combinations, the first axis slowest.
 */
function axisRegions({ window, shift, padded }: Pick<WindowPlan, 'window' | 'shift' | 'padded'>) {
  const part = (axis: 0 | 1 | 2, index: number): number =>
    Number(index >= padded[axis] - window[axis]) + Number(index >= padded[axis] - shift[axis])
  const partOf = (axis: 0 | 1 | 2, index: number): number => (shift[axis] === 0 ? 2 : part(axis, index))
  return ([i, j, k]: Triple): number => (partOf(0, i) * 3 + partOf(1, j)) * 3 + partOf(2, k)
}

/** Rows of the table of relative position biases. */
export const relativePositions = (windowSize: number): number => (2 * windowSize - 1) ** 3

/**
 * Row of the bias table for each pair of tokens, `[tokens, tokens]`. A window cut to a small grid keeps the positions
 * that its first tokens would have in the full window, whatever its own shape, as MONAI does: weights were trained so.
 */
export function relativePositionIndex(windowSize: number, tokens: number): Int32Array {
  const reach = 2 * windowSize - 1
  const place = (token: number): Triple => [
    Math.floor(token / (windowSize * windowSize)),
    Math.floor(token / windowSize) % windowSize,
    token % windowSize,
  ]
  const places = Array.from({ length: tokens }, (_, token) => place(token))
  const index = new Int32Array(tokens * tokens)
  for (const [i, a] of places.entries()) {
    for (const [j, b] of places.entries()) {
      const [x, y, z] = map3((axis) => a[axis] - b[axis] + windowSize - 1)
      index[i * tokens + j] = (x * reach + y) * reach + z
    }
  }
  return index
}

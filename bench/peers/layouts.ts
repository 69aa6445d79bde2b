/** Layouts of peers differ from ours: data is moved into theirs before the clock starts, and back for the comparison. */

export const sizeOf = (shape: readonly number[]): number => shape.reduce((size, extent) => size * extent, 1)

export interface HostArray {
  readonly data: Float32Array
  readonly shape: readonly number[]
}

/** The array with its axes in the given order: axis `i` of the result is axis `axes[i]` of the input. */
export function permute({ data, shape }: HostArray, axes: readonly number[]): HostArray {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)))
  const outShape = axes.map((axis) => shape[axis]!)
  const steps = axes.map((axis) => strides[axis]!)
  const out = new Float32Array(data.length)
  const index = new Array<number>(axes.length).fill(0)
  let source = 0
  for (let n = 0; n < out.length; n++) {
    out[n] = data[source]!
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      source += steps[axis]!
      if (++index[axis]! < outShape[axis]!) break
      source -= steps[axis]! * outShape[axis]!
      index[axis] = 0
    }
  }
  return { data: out, shape: outShape }
}

/** `[N, D, H, W, C]` as `[N, C, D, H, W]`, and weights `[Cout, kD, kH, kW, Cin]` as `[Cout, Cin, kD, kH, kW]`. */
export const channelsFirst: readonly number[] = [0, 4, 1, 2, 3]
/** And back. */
export const channelsLast: readonly number[] = [0, 2, 3, 4, 1]
/** Weights `[Cout, kD, kH, kW, Cin]` as tfjs has them: `[kD, kH, kW, Cin, Cout]`. */
export const outputChannelLast: readonly number[] = [1, 2, 3, 4, 0]
/** `[B, T, H, hd]` as `[B, H, T, hd]`, and back. */
export const headsOutside: readonly number[] = [0, 2, 1, 3]

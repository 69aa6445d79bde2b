import type { Triple } from '../../data/geometry.js'

/**
 * The squared Euclidean distance of every voxel to the nearest set voxel, exact (Felzenszwalb and Huttenlocher, "Distance
 * transforms of sampled functions", 2012): one pass per axis over the lower envelope of parabolas. Infinite throughout
 * when no voxel is set. `mask` is C-ordered, set where not 0; spacing in any unit, the result in its square.
 */
export function squaredDistances(mask: Uint8Array, shape: Readonly<Triple>, spacing: Readonly<Triple>): Float64Array {
  const squared = Float64Array.from(mask, (set) => (set === 0 ? Number.POSITIVE_INFINITY : 0))
  const strides = [shape[1] * shape[2], shape[2], 1]
  for (const axis of [2, 1, 0] as const) {
    const envelope = new Envelope(shape[axis], spacing[axis])
    const [outer, inner] = ([0, 1, 2] as const).filter((other) => other !== axis) as [0 | 1 | 2, 0 | 1 | 2]
    for (let i = 0; i < shape[outer]; i++) {
      for (let j = 0; j < shape[inner]; j++) {
        envelope.transform(squared, i * strides[outer]! + j * strides[inner]!, strides[axis]!)
      }
    }
  }
  return squared
}

/** Working memory for lines of one length. */
class Envelope {
  readonly #values: Float64Array
  /** Samples whose parabolas make the envelope, and where each begins to be the lowest, in samples. */
  readonly #tops: Int32Array
  readonly #starts: Float64Array

  constructor(
    readonly length: number,
    readonly spacing: number,
  ) {
    this.#values = new Float64Array(length)
    this.#tops = new Int32Array(length)
    this.#starts = new Float64Array(length)
  }

  /** Replaces f by min over q of f(q) + (spacing (p - q))^2 along one line. */
  transform(data: Float64Array, offset: number, stride: number): void {
    const unit = this.spacing * this.spacing
    let parabolas = 0
    for (let q = 0; q < this.length; q++) {
      const value = data[offset + q * stride]!
      this.#values[q] = value
      if (value === Number.POSITIVE_INFINITY) continue
      let start = Number.NEGATIVE_INFINITY
      while (parabolas > 0) {
        const top = this.#tops[parabolas - 1]!
        start = (value - this.#values[top]!) / (2 * unit * (q - top)) + (q + top) / 2
        if (start > this.#starts[parabolas - 1]!) break
        parabolas--
        start = Number.NEGATIVE_INFINITY
      }
      this.#tops[parabolas] = q
      this.#starts[parabolas] = start
      parabolas++
    }
    if (parabolas === 0) return
    let n = 0
    for (let p = 0; p < this.length; p++) {
      while (n + 1 < parabolas && this.#starts[n + 1]! < p) n++
      const away = p - this.#tops[n]!
      data[offset + p * stride] = this.#values[this.#tops[n]!]! + unit * away * away
    }
  }
}

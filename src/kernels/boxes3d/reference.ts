/** Boxes of volumes and what fills them, in float64. */
import type { ReferenceArray } from '../../engine/op.js'
import type { Draw } from '../../engine/random.js'
import { sizeOf } from '../../engine/shape.js'
import { drawNormal } from '../random/host.js'

/** Voxels of one sample: along depth, height and width from `first` on. May reach beyond the volume. */
export interface Box3d {
  readonly first: readonly [number, number, number]
  readonly size: readonly [number, number, number]
}

/** A box with the draw of its noise. */
export interface NoiseBox3d extends Box3d {
  readonly draw: Draw
}

/** What boxes are filled with. */
export type BoxFill =
  | { readonly kind: 'value'; readonly value: number }
  /** Normal noise, shifted and scaled so that its extremes within the box are `low` and `high`; default 0 and 1. */
  | { readonly kind: 'noise'; readonly low?: number | undefined; readonly high?: number | undefined }
  /** The same box of another tensor of the same shape. */
  | { readonly kind: 'copy' }

/** Words of a box in a table: its first voxel, its size, seed and index of its draw. */
export const wordsOfBox = 8

/** The value, or the ends of the noise. */
export const limitsOf = (fill: BoxFill): { low: number; high: number } => {
  if (fill.kind === 'noise') return { low: fill.low ?? 0, high: fill.high ?? 1 }
  return fill.kind === 'value' ? { low: fill.value, high: fill.value } : { low: 0, high: 0 }
}

/** A box of a table. */
export function boxAt(table: Float64Array, b: number): NoiseBox3d {
  const words = table.slice(wordsOfBox * b, wordsOfBox * (b + 1))
  const triple = (at: number) => [words[at]!, words[at + 1]!, words[at + 2]!] as const
  return { first: triple(0), size: triple(3), draw: { seed: words[6]! >>> 0, index: words[7]! >>> 0 } }
}

/** What fills each element of a box, row-major with channels last. */
function noiseOf({ size, draw }: NoiseBox3d, channels: number, low: number, high: number): Float64Array {
  const noise = Float64Array.from({ length: sizeOf(size) * channels }, (_, element) => drawNormal(draw, element))
  let [least, most] = [noise[0]!, noise[0]!]
  for (const value of noise) {
    least = Math.min(least, value)
    most = Math.max(most, value)
  }
  return noise.map((value) => (most > least ? low + ((high - low) * (value - least)) / (most - least) : low))
}

/** `x` `[N, D, H, W, C]` with the boxes of each sample filled, one after the other. */
export function fillBoxes(
  x: ReferenceArray,
  boxes: readonly (readonly (Box3d | NoiseBox3d)[])[],
  fill: BoxFill,
  source?: ReferenceArray,
): ReferenceArray {
  const [, depth, height, width, channels] = x.shape as [number, number, number, number, number]
  const data = Float64Array.from(x.data)
  const { low, high } = limitsOf(fill)
  for (const [n, list] of boxes.entries()) {
    for (const box of list) {
      const noise = fill.kind === 'noise' ? noiseOf(box as NoiseBox3d, channels, low, high) : undefined
      for (let e = 0; e < sizeOf(box.size) * channels; e++) {
        const place = Math.floor(e / channels)
        const w = box.first[2] + (place % box.size[2])
        const h = box.first[1] + (Math.floor(place / box.size[2]) % box.size[1])
        const d = box.first[0] + Math.floor(place / box.size[2] / box.size[1])
        if (d < 0 || h < 0 || w < 0 || d >= depth || h >= height || w >= width) continue
        const at = (((n * depth + d) * height + h) * width + w) * channels + (e % channels)
        data[at] = noise?.[e] ?? (fill.kind === 'copy' ? source!.data[at]! : low)
      }
    }
  }
  return { data, shape: x.shape }
}

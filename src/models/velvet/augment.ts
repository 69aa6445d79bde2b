/** The augmentations of the vision self-supervision (reference §3.3), on the GPU, from seeded draws. */
import { type Generator, scope, type Tensor, tensor } from '../../engine/index.js'
import { where } from '../../kernels/elementwise/index.js'
import { concat } from '../../kernels/join/index.js'
import { flip, permute, slice } from '../../kernels/layout/index.js'
import { pad } from '../../kernels/pad/index.js'
import { drawWord } from '../../kernels/random/host.js'
import type { Triple } from '../layers/basic.js'

/** A box of voxels `[start, end)` per axis. */
export interface DropBox {
  readonly start: Triple
  readonly end: Triple
}

/** What happens to one sample: boxes filled with noise, or copied from another sample as it is by then. */
export interface DropPass {
  readonly sample: number
  readonly boxes: readonly DropBox[]
  /** The sample to copy from; undefined for noise. */
  readonly partner?: number | undefined
}

/** `x` `[N, H, W, D, C]` turned by quarter turns in the plane of W and D: element [w, d] goes to [D - 1 - d, w]. */
export function turnVolume(x: Tensor, quarterTurns: number): Tensor {
  switch (((quarterTurns % 4) + 4) % 4) {
    case 1:
      return scope(() => flip(permute(x, [0, 1, 3, 2, 4]), 2))
    case 2:
      return flip(x, [2, 3])
    case 3:
      return scope(() => flip(permute(x, [0, 1, 3, 2, 4]), 3))
    default:
      return x.alias()
  }
}

/** Every sample turned by its own number of quarter turns. Odd turns need W = D. */
export function turnSamples(x: Tensor, turns: ArrayLike<number>): Tensor {
  return scope(() =>
    concat(
      Array.from({ length: x.shape[0]! }, (_, n) => turnVolume(slice(x, [[n, n + 1]]), turns[n]!)),
      0,
    ),
  )
}

const sizeOf = ({ start, end }: DropBox): Triple => [end[0] - start[0], end[1] - start[1], end[2] - start[2]]
const voxels = (box: DropBox): number => sizeOf(box).reduce((product, side) => product * side, 1)

/** The numbers that the noise boxes of some passes take, one box after the other. */
export const noiseCount = (passes: readonly DropPass[]): number =>
  passes.reduce(
    (sum, { partner, boxes }) => sum + (partner === undefined ? boxes.reduce((all, box) => all + voxels(box), 0) : 0),
    0,
  )

/** Standard normal numbers of a draw. */
export function normalNumbers(count: number, generator: Generator): Float32Array {
  const draw = generator.draw()
  return Float32Array.from({ length: count }, (_, n) => {
    // 1 - u lies in (0, 1], so the logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log(1 - drawWord(draw, 2 * n) / 2 ** 32))
    return radius * Math.cos((2 * Math.PI * drawWord(draw, 2 * n + 1)) / 2 ** 32)
  })
}

/**
 * Applies passes one after the other to volumes `[N, H, W, D, 1]`. Each noise box is scaled to [0, 1] by its own smallest
 * and largest number; a box of equal numbers becomes 0, where upstream divides by zero.
 *
 * @param noise as many numbers as {@link noiseCount} says
 */
export function dropVoxels(volume: Tensor, passes: readonly DropPass[], noise: ArrayLike<number>): Tensor {
  return scope(() => {
    const samples = Array.from({ length: volume.shape[0]! }, (_, n) => slice(volume, [[n, n + 1]]))
    const size = volume.shape.slice(1, 4) as unknown as Triple
    let used = 0
    for (const { sample, boxes, partner } of passes) {
      const covered = new Int32Array(size[0] * size[1] * size[2])
      const values = new Float32Array(covered.length)
      for (const box of boxes) {
        const count = voxels(box)
        if (partner === undefined) fillNoise(values, box, size, noise, used)
        forVoxels(box, size, (place) => {
          covered[place] = 1
        })
        if (partner === undefined) used += count
      }
      const shape = [1, ...size, 1]
      const inside = tensor(volume.device, covered, shape, { dtype: 'i32' })
      const filling = partner === undefined ? tensor(volume.device, values, shape) : samples[partner]!
      samples[sample] = where(inside, filling, samples[sample]!)
    }
    return concat(samples, 0)
  })
}

function forVoxels({ start, end }: DropBox, [, width, depth]: Triple, visit: (place: number) => void): void {
  for (let i = start[0]; i < end[0]; i++) {
    for (let j = start[1]; j < end[1]; j++) {
      for (let k = start[2]; k < end[2]; k++) visit((i * width + j) * depth + k)
    }
  }
}

function fillNoise(values: Float32Array, box: DropBox, size: Triple, noise: ArrayLike<number>, first: number): void {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let n = first; n < first + voxels(box); n++) {
    low = Math.min(low, noise[n]!)
    high = Math.max(high, noise[n]!)
  }
  let n = first
  forVoxels(box, size, (place) => {
    values[place] = high > low ? (noise[n]! - low) / (high - low) : 0
    n++
  })
}

export interface DropOptions {
  /** Largest part of the voxels to drop; the part is uniform below it. Default 0.3. */
  readonly maxDrop?: number | undefined
  /** Largest side of a box per side of the volume. Default 0.25. */
  readonly maxBlock?: number | undefined
  /** Smallest side of a box in voxels. Default 4. */
  readonly minSide?: number | undefined
}

/** Draws the passes of every sample: noise first, then copies from a random partner, where that is another sample. */
export function drawDrops(samples: number, size: Triple, generator: Generator, options: DropOptions = {}): DropPass[] {
  const next = uniforms(generator)
  return Array.from({ length: samples }, (_, sample) => {
    const partner = Math.floor(next() * samples)
    const noise: DropPass = { sample, boxes: drawBoxes(size, next, options) }
    return partner === sample ? [noise] : [noise, { sample, partner, boxes: drawBoxes(size, next, options) }]
  }).flat()
}

/** Boxes until their voxels, overlaps counted twice, reach the target. */
function drawBoxes(size: Triple, next: () => number, { maxDrop = 0.3, maxBlock = 0.25, minSide = 4 }: DropOptions) {
  const target = next() * maxDrop * size[0] * size[1] * size[2]
  const boxes: DropBox[] = []
  for (let dropped = 0; dropped < target; dropped += voxels(boxes.at(-1)!)) {
    const corners = size.map((extent) => {
      const start = Math.floor(next() * Math.max(1, extent - minSide))
      const side = minSide + Math.floor(next() * Math.max(1, Math.floor(extent * maxBlock) - minSide))
      return [start, Math.min(extent, start + side)] as const
    })
    const [a, b, c] = corners as [readonly [number, number], readonly [number, number], readonly [number, number]]
    boxes.push({ start: [a[0], b[0], c[0]], end: [a[1], b[1], c[1]] })
  }
  return boxes
}

function uniforms(generator: Generator): () => number {
  const draw = generator.draw()
  let used = 0
  return () => drawWord(draw, used++) / 2 ** 32
}

/** Both augmented views of local crops, and what they are to be undone to. */
export interface AugmentedViews {
  readonly views: readonly [Tensor, Tensor]
  /** Quarter turns of the first and then of the second view's samples. */
  readonly turns: Int32Array
}

/** Draws two views of crops `[N, S, S, S, 1]`: quarter turns, noise boxes, copied boxes. */
export function augmentViews(crops: Tensor, generator: Generator, options: DropOptions = {}): AugmentedViews {
  return scope(() => {
    const [samples, ...rest] = crops.shape as [number, ...number[]]
    const size = rest.slice(0, 3) as unknown as Triple
    const next = uniforms(generator)
    const turns = Int32Array.from({ length: 2 * samples }, () => Math.floor(next() * 4))
    const view = (index: number): Tensor => {
      const turned = turnSamples(crops, turns.subarray(index * samples, (index + 1) * samples))
      const passes = drawDrops(samples, size, generator, options)
      return dropVoxels(turned, passes, normalNumbers(noiseCount(passes), generator))
    }
    return { views: [view(0), view(1)], turns }
  })
}

/** A random crop of `side` voxels a side of each volume `[1, H, W, D, C]`, its corner uniform (§3.2, 6b). */
export function localCrop(volume: Tensor, generator: Generator, side = 96): Tensor {
  const next = uniforms(generator)
  return scope(() => {
    const size = volume.shape.slice(1, 4)
    const missing = size.map((extent): [number, number] => {
      const lack = Math.max(0, side - extent)
      return [Math.floor(lack / 2), Math.ceil(lack / 2)]
    })
    const filled = pad(volume, [[0, 0], ...missing, [0, 0]])
    const starts = filled.shape.slice(1, 4).map((extent) => Math.floor(next() * (extent - side + 1)))
    return slice(filled, [[0], ...starts.map((start): [number, number] => [start, start + side])])
  })
}

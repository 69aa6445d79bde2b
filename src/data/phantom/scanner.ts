import { RandomStream } from '../random.js'
import { wave } from './solids.js'
import { streams } from './streams.js'

/** How a scanner shows what is there. */
export interface Scanner {
  /** Width of edges in voxels. */
  readonly softness: number
  /** Standard deviation, in voxels of 2 mm. */
  readonly noiseHu: number
  /** Slow shading over the whole picture. */
  readonly shadingHu: number
  readonly shadingPhase: number
  /** Streaks of metal or motion: HU. */
  readonly streakHu: number
}

export function randomScanner(seed: number): Scanner {
  const random = new RandomStream(seed, streams.scanner)
  return {
    softness: random.uniform(0.9, 1.5),
    noiseHu: random.uniform(12, 40),
    shadingHu: random.uniform(0, 10),
    shadingPhase: random.uniform(),
    streakHu: random.uniform() < 0.3 ? random.uniform(4, 12) : 0,
  }
}

const LOWEST_HU = -1024
const HIGHEST_HU = 3071

/** Larger voxels average more noise, smoother kernels too. */
function noiseOf({ noiseHu, softness }: Scanner, voxelMm: number): number {
  return noiseHu / Math.max(1, (voxelMm / 2) * softness)
}

/** Noise, shading and streaks onto a volume, rounded to what a scanner stores. `noise` scales all three. */
export function scan(
  hu: Float32Array,
  {
    shape,
    voxelMm,
    seed,
    scanner,
    noise,
  }: {
    readonly shape: readonly [number, number, number]
    readonly voxelMm: number
    readonly seed: number
    readonly scanner: Scanner
    readonly noise: number
  },
): Int16Array {
  const out = new Int16Array(hu.length)
  const random = new NormalNumbers(new RandomStream(seed, streams.noise))
  const deviation = noiseOf(scanner, voxelMm) * noise
  const { shadingHu, shadingPhase, streakHu } = scanner
  const [width, height, depth] = shape
  let index = 0
  for (let k = 0; k < depth; k++) {
    const slice = streakHu * noise * random.next()
    const level = wave(k / depth + shadingPhase)
    for (let j = 0; j < height; j++) {
      const shade = shadingHu * noise * wave(j / height + shadingPhase + 0.25 * level)
      for (let i = 0; i < width; i++, index++) {
        const streak = slice === 0 ? 0 : slice * wave((i + 2 * j) / 11)
        const value = Math.round(hu[index]! + deviation * random.next() + shade + streak)
        out[index] = value < LOWEST_HU ? LOWEST_HU : value > HIGHEST_HU ? HIGHEST_HU : value
      }
    }
  }
  return out
}

/**
 * Nearly normal numbers, fast and the same on every machine: sums of the four bytes of a word (Irwin and Hall), from
 * Marsaglia's xorshift with four words of state.
 */
class NormalNumbers {
  #x: number
  #y: number
  #z: number
  #w: number

  constructor(random: RandomStream) {
    const word = () => random.uniform(1, 2 ** 32) | 0 || 1
    this.#x = word()
    this.#y = word()
    this.#z = word()
    this.#w = word()
  }

  next(): number {
    const t = this.#x ^ (this.#x << 11)
    this.#x = this.#y
    this.#y = this.#z
    this.#z = this.#w
    const w = this.#w ^ (this.#w >>> 19) ^ t ^ (t >>> 8)
    this.#w = w
    const sum = (w & 255) + ((w >>> 8) & 255) + ((w >>> 16) & 255) + (w >>> 24)
    // Four bytes have mean 510 and variance 4 x (256^2 - 1) / 12.
    return (sum - 510) * 0.006765875
  }
}

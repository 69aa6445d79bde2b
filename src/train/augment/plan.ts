/** Draws what augmentation will do to the samples of a batch. */
import { type Draw, ValueError } from '../../engine/index.js'
import { type Box3d, type BoxFill, identityMap, type NoiseBox3d, type WarpMap } from '../../kernels/index.js'
import { SampleDraws } from './draws.js'
import { flipMap, quarterTurns, similarity, type Triple, translation } from './maps.js'
import { type AugmentStep, parseAugmentSteps } from './steps.js'

/** One step with all its numbers, one entry for each sample of the batch. */
export type AugmentPass =
  | {
      kind: 'warp'
      maps: WarpMap[]
      /** Voxels before and after. */
      from: Triple
      size: Triple
      interpolation: 'linear' | 'nearest' | 'cubic'
      outside: number | null
      /** Control points of a spline that bends, and their displacements in voxels, three for each. */
      bend?: { points: Triple; voxels: number[][] }
      /** Quarter turns of each sample, where the step was one of `rotate90`: the labels of a rotation task. */
      turns?: number[]
    }
  | { kind: 'noise'; std: number[]; draws: Draw[] }
  | { kind: 'blur'; sigma: number[] }
  | { kind: 'gamma'; exponent: number[]; interval: [number, number] }
  | { kind: 'linear'; slope: number[]; intercept: number[] }
  | { kind: 'boxes'; boxes: (Box3d | NoiseBox3d)[][]; fill: BoxFill; partners?: number[] }
  | { kind: 'shuffle'; patch: Triple; orders: number[][] }

/**
 * Everything that augmentation does to a batch, as plain JSON: it can be stored, done again, done to label maps, and
 * undone where that is possible.
 */
export interface AugmentPlan {
  version: 1
  /** Voxels along depth, height and width before the first pass. */
  size: Triple
  passes: AugmentPass[]
}

export interface AugmentOptions {
  /** A whole number from 0 to 2^53 - 1. */
  readonly seed: number
  /**
   * A whole number for each sample of the batch, unlike that of any other: its place in the data set plus the data set's
   * length times the epoch, say. What happens to a sample follows from seed, number and steps, not from its batch; only
   * the partner in `swapBoxes` is a place in the batch.
   */
  readonly samples: readonly number[]
  /** Depth, height and width of the volumes. */
  readonly size: Readonly<Triple>
}

/**
 * Draws a plan for a batch. Two random views are two plans, with other seeds.
 *
 * @throws ValueError for wrong steps, seeds or numbers, for quarter turns of a plane that is not square, and for crops,
 * patches and boxes that do not fit the volume.
 */
export function planAugmentation(steps: readonly AugmentStep[], options: AugmentOptions): AugmentPlan {
  const passes: AugmentPass[] = []
  let size: Triple = [...options.size]
  for (const [n, step] of parseAugmentSteps(steps).entries()) {
    const draws = options.samples.map((sample) => new SampleDraws(options.seed, sample, n))
    const pass = drawPass(step, draws, size)
    if (pass.kind === 'warp') size = pass.size
    passes.push(pass)
  }
  return { version: 1, size: [...options.size], passes }
}

function drawPass(step: AugmentStep, draws: readonly SampleDraws[], size: Triple): AugmentPass {
  const { probability } = step
  /** A number of each sample, and the one for those to which the step does not happen. */
  const each = <T>(draw: (from: SampleDraws) => T, otherwise: T): T[] =>
    draws.map((from) => (from.happens(probability) ? draw(from) : otherwise))
  const exactly = { kind: 'warp', from: size, size, interpolation: 'nearest', outside: null } as const
  switch (step.kind) {
    case 'flip':
      return {
        ...exactly,
        maps: each(
          (from) =>
            flipMap(
              size,
              step.axes.filter(() => from.happens(0.5)),
            ),
          identityMap,
        ),
      }
    case 'rotate90': {
      if (size[step.axes[0]] !== size[step.axes[1]]) {
        throw new ValueError(`rotate90: axes ${step.axes.join(' and ')} of ${size.join(' x ')} differ in length`)
      }
      const turns = each((from) => from.below(4), 0)
      return { ...exactly, turns, maps: turns.map((count) => quarterTurns(size, step.axes, count)) }
    }
    case 'crop': {
      const rest = size.map((extent, axis) => extent - step.size[axis]!) as Triple
      if (rest.some((extent) => extent < 0)) {
        throw new ValueError(`crop: ${step.size.join(' x ')} voxels are more than ${size.join(' x ')}`)
      }
      // Where the crop does not happen at random, it is the middle one: samples of a batch have one size.
      const middle = translation(rest.map((extent) => Math.floor(extent / 2)) as Triple)
      const maps = each((from) => translation(rest.map((extent) => from.below(extent + 1)) as Triple), middle)
      return { ...exactly, size: step.size, maps }
    }
    case 'affine':
      return { ...samplingOf(step, size), maps: each((from) => drawSimilarity(step, from, size), identityMap) }
    case 'elastic': {
      const count = step.points[0] * step.points[1] * step.points[2]
      const voxels = each(
        (from) => Array.from({ length: 3 * count }, (_, n) => from.within(step.voxels[n % 3]!)),
        new Array<number>(3 * count).fill(0),
      )
      return { ...samplingOf(step, size), maps: draws.map(() => identityMap), bend: { points: step.points, voxels } }
    }
    case 'noise':
      return {
        kind: 'noise',
        std: each((from) => from.uniform(...step.std), 0),
        draws: draws.map((from) => from.draw()),
      }
    case 'blur':
      return { kind: 'blur', sigma: each((from) => from.uniform(...step.sigma), 0) }
    case 'gamma': {
      const { interval = [0, 1] } = step
      return { kind: 'gamma', exponent: each((from) => from.uniform(...step.exponent), 1), interval }
    }
    case 'intensity': {
      const { factor = [1, 1], shift = [0, 0], middle = 0 } = step
      const drawn = each((from) => ({ slope: from.uniform(...factor), shift: from.uniform(...shift) }), {
        slope: 1,
        shift: 0,
      })
      return {
        kind: 'linear',
        slope: drawn.map(({ slope }) => slope),
        intercept: drawn.map(({ slope, shift }) => middle - slope * middle + shift),
      }
    }
    case 'dropBoxes': {
      const { fill = 'noise' } = step
      return {
        kind: 'boxes',
        boxes: each((from) => drawBoxes(step, from, size, fill === 'noise'), []),
        fill: fill === 'noise' ? { kind: 'noise' } : { kind: 'value', ...fill },
      }
    }
    case 'swapBoxes':
      return {
        kind: 'boxes',
        partners: draws.map((from) => from.below(draws.length)),
        boxes: each((from) => drawBoxes(step, from, size, false), []),
        fill: { kind: 'copy' },
      }
    case 'shufflePatches': {
      const counts = size.map((extent, axis) => extent / step.patch[axis]!)
      if (!counts.every(Number.isInteger)) {
        throw new ValueError(
          `shufflePatches: ${size.join(' x ')} voxels are no whole patches of ${step.patch.join(' x ')}`,
        )
      }
      const count = counts.reduce((product, extent) => product * extent, 1)
      const inOrder = Array.from({ length: count }, (_, n) => n)
      return { kind: 'shuffle', patch: step.patch, orders: each((from) => from.order(count), inOrder) }
    }
  }
}

function samplingOf(
  { interpolation = 'linear', outside = 0 }: Extract<AugmentStep, { kind: 'affine' | 'elastic' }>,
  size: Triple,
) {
  return { kind: 'warp', from: size, size, interpolation, outside } as const
}

function drawSimilarity(step: Extract<AugmentStep, { kind: 'affine' }>, from: SampleDraws, size: Triple): WarpMap {
  const { rotation, scale, shift, spacingMm = [1, 1, 1] } = step
  // Drawn whether they happen or not, so that one part's probability changes no other part's numbers.
  const [turns, grows, moves] = [rotation, scale, shift].map((part) => from.happens(part ? part.probability : 0))
  const degrees = [0, 1, 2].map((axis) => from.within(rotation?.degrees[axis] ?? 0))
  const factor = from.uniform(...(scale?.range ?? [1, 1]))
  const voxels = [0, 1, 2].map((axis) => from.within(shift?.voxels[axis] ?? 0)) as Triple
  return similarity(size, {
    radians: degrees.map((angle) => (turns ? (angle * Math.PI) / 180 : 0)) as Triple,
    factor: grows ? factor : 1,
    shift: moves ? voxels : [0, 0, 0],
    spacing: spacingMm,
  })
}

/** VELVET-Med's law (reference/velvet.md section 3.3): corners anywhere a smallest box fits, boxes cut at the end. */
function drawBoxes(
  { fraction, side: [least, most] }: Extract<AugmentStep, { kind: 'dropBoxes' | 'swapBoxes' }>,
  from: SampleDraws,
  size: Triple,
  noisy: boolean,
): (Box3d | NoiseBox3d)[] {
  if (size.some((extent) => extent < least)) {
    throw new ValueError(`boxes of ${least} voxels and more do not fit ${size.join(' x ')}`)
  }
  const quota = from.uniform(...fraction) * size[0] * size[1] * size[2]
  const boxes: (Box3d | NoiseBox3d)[] = []
  for (let filled = 0; filled < quota; ) {
    const first = size.map((extent) => from.below(Math.max(1, extent - least))) as Triple
    const extents = size.map((extent, axis) => Math.min(least + from.below(most - least + 1), extent - first[axis]!))
    filled += extents[0]! * extents[1]! * extents[2]!
    boxes.push({ first, size: extents as Triple, ...(noisy && { draw: from.draw() }) })
  }
  return boxes
}

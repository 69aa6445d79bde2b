/** Runs a plan of augmentation on a device. */
import {
  Generator,
  NotSupportedError,
  type Shape,
  ShapeError,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../../engine/index.js'
import {
  add,
  affine,
  bandedAxis,
  cast,
  clamp,
  concat,
  exp,
  greater,
  indexSelect,
  log,
  mul,
  paintBoxes,
  permute,
  randomNormal,
  reshape,
  slice,
  warp3d,
  where,
} from '../../kernels/index.js'
import { gaussianBands } from './gaussian.js'
import { inverted } from './maps.js'
import type { AugmentPass, AugmentPlan } from './plan.js'

export interface RunAugmentOptions {
  /** `x` holds labels: only geometry changes, by nearest neighbour, and `outside` is 0. Default false. */
  readonly labels?: boolean | undefined
}

/**
 * `x` `[N, D, H, W, C]` (f32 or f16; labels also i32 or u32) after a plan for N samples of that size.
 *
 * @throws ShapeError when the plan is for other samples; NotSupportedError when a gradient is asked for.
 */
export function augment(x: Tensor, plan: AugmentPlan, { labels = false }: RunAugmentOptions = {}): Tensor {
  checkPlan(x, plan)
  return scope(() => plan.passes.reduce((current, pass) => runPass(current, pass, labels), x.alias()))
}

/**
 * Brings results on augmented volumes back: turns, flips, crops, affine maps and shuffles are undone, in reverse order;
 * what left the volume is `outside`. Values stay as they are. Flips, quarter turns and shuffles come back exactly.
 *
 * @throws NotSupportedError for a plan that bends, whose inverse is no spline.
 */
export function invertAugmentation(plan: AugmentPlan, outside = 0): AugmentPlan {
  const last = plan.passes.reduce((size, pass) => (pass.kind === 'warp' ? pass.size : size), plan.size)
  const passes = plan.passes.toReversed().flatMap((pass): AugmentPass[] => {
    if (pass.kind === 'shuffle') {
      const orders = pass.orders.map((order) => {
        const back = new Array<number>(order.length)
        for (const [n, from] of order.entries()) back[from] = n
        return back
      })
      return [{ ...pass, orders }]
    }
    if (pass.kind !== 'warp') return []
    if (pass.bend) throw new NotSupportedError('invertAugmentation: an elastic deformation has no inverse of its kind')
    const { maps, from, size, interpolation } = pass
    return [{ kind: 'warp', maps: maps.map(inverted), from: size, size: from, interpolation, outside }]
  })
  return { version: 1, size: last, passes }
}

function checkPlan({ shape }: Tensor, { size, passes }: AugmentPlan): void {
  if (shape.length !== 5 || size.some((extent, axis) => shape[axis + 1] !== extent)) {
    throw new ShapeError(`augment: the plan is for volumes of ${size.join(' x ')}, got [${shape.join(', ')}]`)
  }
  for (const pass of passes) {
    const count = samplesOf(pass)
    if (count !== shape[0]) throw new ShapeError(`augment: the plan is for ${count} samples, got ${shape[0]}`)
  }
}

function samplesOf(pass: AugmentPass): number {
  switch (pass.kind) {
    case 'warp':
      return pass.maps.length
    case 'noise':
      return pass.std.length
    case 'blur':
      return pass.sigma.length
    case 'gamma':
      return pass.exponent.length
    case 'linear':
      return pass.slope.length
    case 'boxes':
      return pass.boxes.length
    case 'shuffle':
      return pass.orders.length
  }
}

function runPass(x: Tensor, pass: AugmentPass, labels: boolean): Tensor {
  if (pass.kind === 'warp') return runWarp(x, pass, labels)
  if (pass.kind === 'shuffle') return runShuffle(x, pass)
  if (labels) return x
  switch (pass.kind) {
    case 'noise':
      return runNoise(x, pass)
    case 'blur':
      return runBlur(x, pass)
    case 'gamma':
      return runGamma(x, pass)
    case 'linear':
      return add(mul(x, perSample(x, pass.slope)), perSample(x, pass.intercept))
    case 'boxes':
      return runBoxes(x, pass)
  }
}

/** One number for each sample, to be broadcast over its voxels. */
const perSample = (x: Tensor, values: readonly number[]): Tensor =>
  tensor(x.device, Float32Array.from(values), [values.length, 1, 1, 1, 1], { dtype: x.dtype })

type PassOf<Kind extends AugmentPass['kind']> = Extract<AugmentPass, { kind: Kind }>

function runWarp(x: Tensor, { maps, size, interpolation, outside, bend }: PassOf<'warp'>, labels: boolean): Tensor {
  const control =
    bend && tensor(x.device, Float32Array.from(bend.voxels.flat()), [maps.length, ...bend.points, 3], { dtype: 'f32' })
  return warp3d(x, {
    maps,
    size,
    interpolation: labels ? 'nearest' : interpolation,
    // An edge that is repeated stays one; any other outside is no structure.
    outside: outside === null ? undefined : labels ? 0 : outside,
    bend: control,
  })
}

function runShuffle(x: Tensor, { patch, orders }: PassOf<'shuffle'>): Tensor {
  const [samples, ...extents] = x.shape.slice(0, 4) as [number, number, number, number]
  const channels = x.shape[4]!
  const [a, b, c] = extents.map((extent, axis) => extent / patch[axis]!) as [number, number, number]
  const apart: Shape = [samples, a, patch[0], b, patch[1], c, patch[2], channels]
  const patches = permute(reshape(x, apart), [0, 1, 3, 5, 2, 4, 6, 7])
  const count = a * b * c
  const rows = Int32Array.from(orders.flatMap((order, n) => order.map((from) => n * count + from)))
  const lines = reshape(patches, [samples * count, x.size / (samples * count)])
  const moved = reshape(indexSelect(lines, tensor(x.device, rows), { axis: 0 }), patches.shape)
  return reshape(permute(moved, [0, 1, 4, 2, 5, 3, 6, 7]), x.shape)
}

/** Each sample has its own stream, so that its noise does not depend on its place in the batch. */
function runNoise(x: Tensor, { std, draws }: PassOf<'noise'>): Tensor {
  const shape = x.shape.with(0, 1)
  const noise = draws.map(({ seed, index }) =>
    randomNormal(x.device, shape, { generator: new Generator(seed, index), dtype: x.dtype }),
  )
  return add(x, mul(concat(noise, 0), perSample(x, std)))
}

function runBlur(x: Tensor, { sigma }: PassOf<'blur'>): Tensor {
  return [1, 2, 3].reduce((current, axis) => {
    const lists = sigma.map((width) => gaussianBands(x.shape[axis]!, width))
    return bandedAxis(current, { axis, bands: lists.length === 1 ? lists[0]! : lists })
  }, x)
}

function runGamma(x: Tensor, { exponent, interval: [low, high] }: PassOf<'gamma'>): Tensor {
  const part = clamp(affine(cast(x, 'f32'), 1 / (high - low), -low / (high - low)), 0, 1)
  // The logarithm of 0 is not finite, and its power is 0.
  const raised = exp(mul(log(clamp(part, 1e-30, 1)), perSample(part, exponent)))
  const powers = where(greater(part, zeros(x.device, [1])), raised, part)
  return cast(affine(powers, high - low, low), x.dtype)
}

function runBoxes(x: Tensor, { boxes, fill, partners }: PassOf<'boxes'>): Tensor {
  const source =
    partners &&
    concat(
      partners.map((partner) => slice(x, [[partner, partner + 1]])),
      0,
    )
  return paintBoxes(x, boxes, fill, source)
}

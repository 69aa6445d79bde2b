/** Group norm and instance norm of channels-last tensors. */
import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import {
  apply,
  type CaseInput,
  defineOp,
  type OpCase,
  type OpDefinition,
  type ReferenceArray,
} from '../../engine/op.js'
import { formatShape, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import { runMoments } from '../variance/moments.js'
import {
  type ChannelLayout,
  channelSums,
  groupMeans,
  runChannelNorm,
  runChannelNormGradient,
  spreadGroups,
  sumSamples,
} from './channels.js'
import { type AffineOptions, checkParameters, listed, named } from './parameters.js'

interface GroupOptions extends AffineOptions {
  readonly groups: number
  readonly eps: number
}

function layoutOf(shape: Shape, groups: number): ChannelLayout {
  return { samples: shape[0]!, places: sizeOf(shape.slice(1, -1)), channels: shape.at(-1)!, groups }
}

function checkShapes(name: string, inputs: readonly TensorSpec[], options: GroupOptions): TensorSpec {
  const tensors = named(inputs, options)
  const { shape, dtype } = tensors.x
  checkDType(name, ['f32', 'f16'], ...inputs)
  if (shape.length < 2) throw new ShapeError(`${name}: takes [N, ..., C], got ${formatShape(shape)}`)
  const channels = shape.at(-1)!
  if (!Number.isInteger(options.groups) || options.groups < 1 || channels % options.groups !== 0) {
    throw new ShapeError(
      `${name}: ${options.groups} groups do not divide the ${channels} channels of ${formatShape(shape)}`,
    )
  }
  checkParameters(name, tensors, [channels], 'the channels')
  return { shape, dtype }
}

function reference(inputs: readonly ReferenceArray[], options: GroupOptions): ReferenceArray {
  const { x, weight, bias } = named(inputs, options)
  const { samples, places, channels, groups } = layoutOf(x.shape, options.groups)
  const data = new Float64Array(x.data.length)
  const width = channels / groups
  for (let group = 0; group < samples * groups; group++) {
    const sample = Math.floor(group / groups)
    const members = Array.from({ length: places * width }, (_, i) => {
      return (sample * places + Math.floor(i / width)) * channels + (group % groups) * width + (i % width)
    })
    const mean = members.reduce((sum, at) => sum + x.data[at]!, 0) / members.length
    const variance = members.reduce((sum, at) => sum + (x.data[at]! - mean) ** 2, 0) / members.length
    for (const at of members) {
      const normal = (x.data[at]! - mean) / Math.sqrt(variance + options.eps)
      data[at] = normal * (weight?.data[at % channels] ?? 1) + (bias?.data[at % channels] ?? 0)
    }
  }
  return { data, shape: x.shape }
}

function define(name: string, doc: string, cases: readonly OpCase<GroupOptions>[]): OpDefinition<GroupOptions> {
  return defineOp<GroupOptions>({
    name,
    doc,
    shape: (inputs, options) => [checkShapes(name, inputs, options)],
    forward(context, inputs, options) {
      const { x, weight, bias } = named(inputs, options)
      const layout = layoutOf(x.shape, options.groups)
      const { samples, places, channels, groups } = layout
      const y = context.empty()
      const groupMean = context.empty([samples, groups], 'f32')
      const groupInverse = context.empty([samples, groups], 'f32')
      // Channels first, which read memory in its order; their moments then meet in groups.
      const runs = [{ outer: samples, length: places, inner: channels }]
      if (groups < channels) runs.push({ outer: samples * groups, length: channels / groups, inner: 1 })
      const inverseDeviation = { tensor: groupInverse, epsilon: options.eps }
      runMoments(context, x, runs, { mean: groupMean, inverseDeviation })
      const mean = spreadGroups(context, groupMean, layout)
      const inverse = spreadGroups(context, groupInverse, layout)
      runChannelNorm(context, layout, x, { mean, inverse }, { weight, bias }, y)
      context.save(x, mean, inverse, ...(weight ? [weight] : []))
      return y
    },
    backward(context, [dy], [x, mean, inverse, weight], options) {
      const layout = layoutOf(x!.shape, options.groups)
      const statistics = { mean: mean!, inverse: inverse! }
      const needs = named(context.needs, options)
      const sums = channelSums(context, layout, x!, dy!, statistics)
      const dWeight = needs.weight ? sumSamples(context, sums.product) : undefined
      const dBias = needs.bias ? sumSamples(context, sums.gradient) : undefined
      if (!needs.x) return listed(undefined, dWeight, dBias, options)
      const dx = context.empty(x!.shape, x!.dtype)
      const means = groupMeans(context, layout, sums, weight)
      const shift = spreadGroups(context, means.shift, layout)
      const slope = spreadGroups(context, means.slope, layout)
      runChannelNormGradient(context, layout, { dy: dy!, x: x!, statistics, shift, slope, weight, dx })
      return listed(dx, dWeight, dBias, options)
    },
    reference: (inputs, options) => [reference(inputs, options)],
    cost: ([x]) => ({ flops: 8 * sizeOf(x!.shape), bytes: 12 * sizeOf(x!.shape) }),
    cases,
  })
}

function entry(
  name: string,
  shape: Shape,
  groups: number,
  { affine = true, range = [-1, 1] as readonly [number, number], bench = false } = {},
): OpCase<GroupOptions> {
  const parameter: CaseInput = { shape: [shape.at(-1)!] }
  const options = { groups, eps: 1e-5, weight: affine, bias: affine }
  return { name, inputs: [{ shape, range }, ...(affine ? [parameter, parameter] : [])], options, bench }
}

const groupNormOp = define('groupNorm', 'Groups of channels scaled to mean 0 and variance 1 in each sample.', [
  entry('groups of two', [2, 3, 2, 5, 6], 3),
  entry('groups of four', [1, 7, 8], 2),
  entry('one group', [3, 5, 4], 1),
  entry('no places between', [2, 6], 2),
  entry('without parameters', [2, 9, 6], 3, { affine: false }),
  entry('parts of an axis', [1, 700, 2], 1),
  entry('no samples', [0, 3, 4], 2),
  entry('decoder level', [1, 96, 96, 96, 32], 8, { bench: true }),
])

const instanceNormOp = define('instanceNorm', 'Each channel of each sample scaled to mean 0 and variance 1.', [
  entry('odd channels', [2, 3, 4, 5, 3], 3),
  entry('whole vectors', [2, 5, 8], 8),
  entry('without parameters', [1, 6, 7, 5], 5, { affine: false }),
  entry('mean above the deviation', [1, 90, 3], 3, { range: [10, 11] }),
  entry('SwinUNETR decoder level', [1, 96, 96, 96, 48], 48, { affine: false, bench: true }),
])

export interface InstanceNormOptions {
  /** `[C]` */
  readonly weight?: Tensor | undefined
  /** `[C]` */
  readonly bias?: Tensor | undefined
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number | undefined
}

export interface GroupNormOptions extends InstanceNormOptions {
  /** Groups of neighbouring channels; they must divide the channels. */
  readonly groups: number
}

function applyGroups(op: OpDefinition<GroupOptions>, x: Tensor, groups: number, options: InstanceNormOptions): Tensor {
  const { weight, bias, eps = 1e-5 } = options
  const inputs = [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])]
  return apply(op, inputs, { groups, eps, weight: weight !== undefined, bias: bias !== undefined })
}

/**
 * `(x - mean) / sqrt(variance + eps) * weight + bias` of a channels-last float tensor `[N, ..., C]`, with the mean and
 * biased variance of each group of channels in each sample. Statistics are f32. (Wu and He 2018)
 *
 * @throws ShapeError when the groups do not divide the channels.
 */
export function groupNorm(x: Tensor, options: GroupNormOptions): Tensor {
  return applyGroups(groupNormOp, x, options.groups, options)
}

/** {@link groupNorm} with a group for each channel. (Ulyanov, Vedaldi and Lempitsky 2016) */
export function instanceNorm(x: Tensor, options: InstanceNormOptions = {}): Tensor {
  return applyGroups(instanceNormOp, x, Math.max(1, x.shape.at(-1) ?? 1), options)
}

/** Batch norm by the statistics of the batch. */
import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { defineOp, type OpCase, type ReferenceArray } from '../../engine/op.js'
import { formatShape, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import { runElementwise } from '../elementwise/kernel.js'
import {
  type ChannelLayout,
  channelSums,
  groupMeans,
  runChannelNorm,
  runChannelNormGradient,
} from '../norm/channels.js'
import { type AffineOptions, checkParameters, named } from '../norm/parameters.js'
import { runMoments } from '../variance/moments.js'

export interface TrainingOptions extends AffineOptions {
  /** Whether the last two inputs are the running mean and variance; then the last two outputs are their updates. */
  readonly running: boolean
  readonly momentum: number
  readonly eps: number
}

/** Inputs, or what belongs to them, by name. */
export function batchInputs<T>(list: readonly T[], options: AffineOptions & { readonly running: boolean }) {
  const [mean, variance] = options.running ? list.slice(-2) : []
  return { ...named(list, options), mean, variance }
}

/** The whole batch is one sample whose channels are normalised each on its own. */
export function batchLayout(shape: Shape): ChannelLayout {
  const channels = shape.at(-1)!
  return { samples: 1, places: sizeOf(shape.slice(0, -1)), channels, groups: channels }
}

export function checkBatch(
  op: string,
  inputs: readonly TensorSpec[],
  options: AffineOptions & { readonly running: boolean },
): TensorSpec {
  const { x, weight, bias, mean, variance } = batchInputs(inputs, options)
  checkDType(op, ['f32', 'f16'], ...inputs)
  if (x.shape.length < 2) throw new ShapeError(`${op}: takes [N, ..., C], got ${formatShape(x.shape)}`)
  const channels = [x.shape.at(-1)!]
  checkParameters(op, { x, ...(weight && { weight }), ...(bias && { bias }) }, channels, 'the channels')
  if (mean && variance) {
    checkParameters(op, { x, weight: mean }, channels, 'the channels (running mean)')
    checkParameters(op, { x, weight: variance }, channels, 'the channels (running variance)')
  }
  return { shape: x.shape, dtype: x.dtype }
}

const update = {
  name: 'batchNorm update',
  arguments: ['old', 'found'],
  expression: 'old + (found - old) * momentum',
  options: ['momentum'],
}
/** What the updated running mean and variance add to the gradient of the normalised values. */
const shiftOfMean = {
  name: 'batchNorm shift',
  arguments: ['shift', 'g', 'inverse'],
  expression: 'shift - factor * g / inverse',
  options: ['factor'],
}
const slopeOfVariance = {
  name: 'batchNorm slope',
  arguments: ['slope', 'g', 'inverse'],
  expression: 'slope - factor * g / (inverse * inverse)',
  options: ['factor'],
}
const remain = { name: 'batchNorm remain', arguments: ['g'], expression: 'g * share', options: ['share'] }

function reference(inputs: readonly ReferenceArray[], options: TrainingOptions): ReferenceArray[] {
  const { x, weight, bias, mean: runningMean, variance: runningVariance } = batchInputs(inputs, options)
  const { places, channels } = batchLayout(x.shape)
  const data = new Float64Array(x.data.length)
  const means = new Float64Array(channels)
  const variances = new Float64Array(channels)
  for (let c = 0; c < channels; c++) {
    const column = Array.from({ length: places }, (_, i) => x.data[i * channels + c]!)
    const mean = column.reduce((sum, value) => sum + value, 0) / places
    const squares = column.reduce((sum, value) => sum + (value - mean) ** 2, 0)
    for (const [i, value] of column.entries()) {
      const normal = (value - mean) / Math.sqrt(squares / places + options.eps)
      data[i * channels + c] = normal * (weight?.data[c] ?? 1) + (bias?.data[c] ?? 0)
    }
    means[c] = (runningMean?.data[c] ?? 0) * (1 - options.momentum) + mean * options.momentum
    variances[c] =
      (runningVariance?.data[c] ?? 0) * (1 - options.momentum) + (squares / (places - 1)) * options.momentum
  }
  const y = { data, shape: x.shape }
  const vector = (values: Float64Array) => ({ data: values, shape: [channels] })
  return options.running ? [y, vector(means), vector(variances)] : [y]
}

const all = { weight: true, bias: true, running: true, momentum: 0.1, eps: 1e-5 }

function entry(name: string, shape: Shape, options: Partial<TrainingOptions> = {}): OpCase<TrainingOptions> {
  const given = { ...all, ...options }
  const channels = [shape.at(-1)!]
  const statistics = [{ shape: channels }, { shape: channels, range: [0.5, 2] as const }]
  return {
    name,
    inputs: [
      { shape },
      ...(given.weight ? [{ shape: channels }] : []),
      ...(given.bias ? [{ shape: channels }] : []),
      ...(given.running ? statistics : []),
    ],
    options: given,
  }
}

export const batchNormTrainingOp = defineOp<TrainingOptions>({
  name: 'batchNorm',
  doc: 'Channels scaled to mean 0 and variance 1 over the batch, and the running statistics updated.',
  shape(inputs, options) {
    const y = checkBatch('batchNorm', inputs, options)
    const { places, channels } = batchLayout(y.shape)
    if (places < 2) {
      throw new ShapeError(`batchNorm: training takes more than one value per channel, got ${formatShape(y.shape)}`)
    }
    if (!options.running) return [y]
    return [y, ...inputs.slice(-2).map(({ dtype }) => ({ shape: [channels], dtype }))]
  },
  forward(context, inputs, options) {
    const { x, weight, bias, mean: runningMean, variance: runningVariance } = batchInputs(inputs, options)
    const layout = batchLayout(x.shape)
    const { places, channels } = layout
    const y = context.empty()
    const mean = context.empty([channels], 'f32')
    const inverse = context.empty([channels], 'f32')
    const variance = context.empty([channels], 'f32')
    runMoments(context, x, [{ outer: 1, length: places, inner: channels }], {
      mean,
      variance: { tensor: variance, degreesTaken: 1 },
      inverseDeviation: { tensor: inverse, epsilon: options.eps },
    })
    runChannelNorm(context, layout, x, { mean, inverse }, { weight, bias }, y)
    context.save(x, mean, inverse, ...(weight ? [weight] : []))
    if (!runningMean || !runningVariance) return y
    const newMean = context.empty([channels], runningMean.dtype)
    const newVariance = context.empty([channels], runningVariance.dtype)
    const momentum = [options.momentum]
    runElementwise({ fn: update, options: momentum, inputs: [runningMean, mean], output: newMean }, context.run)
    runElementwise(
      { fn: update, options: momentum, inputs: [runningVariance, variance], output: newVariance },
      context.run,
    )
    return [y, newMean, newVariance]
  },
  backward(context, [dy, dMean, dVariance], [x, mean, inverse, weight], options) {
    const layout = batchLayout(x!.shape)
    const { places, channels } = layout
    const { momentum } = options
    const statistics = { mean: mean!, inverse: inverse! }
    const sums = channelSums(context, layout, x!, dy!, statistics)
    const onChannels = (
      fn: Parameters<typeof runElementwise>[0]['fn'],
      factor: number,
      ...inputs: readonly Tensor[]
    ): Tensor => {
      const output = context.empty([channels], 'f32')
      runElementwise({ fn, options: [factor], inputs, output }, context.run)
      return output
    }
    let dx: Tensor | undefined
    if (context.needs[0]) {
      const flat = groupMeans(context, layout, sums, weight)
      let shift = flat.shift.alias([channels])
      let slope = flat.slope.alias([channels])
      if (dMean && dVariance) {
        shift = onChannels(shiftOfMean, momentum / places, shift, dMean, inverse!)
        slope = onChannels(slopeOfVariance, (2 * momentum) / (places - 1), slope, dVariance, inverse!)
      }
      dx = context.empty(x!.shape, x!.dtype)
      runChannelNormGradient(context, layout, { dy: dy!, x: x!, statistics, shift, slope, weight, dx })
    }
    return [
      dx,
      ...(options.weight ? [sums.product.alias([channels])] : []),
      ...(options.bias ? [sums.gradient.alias([channels])] : []),
      ...(dMean && dVariance
        ? [onChannels(remain, 1 - momentum, dMean), onChannels(remain, 1 - momentum, dVariance)]
        : []),
    ]
  },
  reference,
  cost: ([x]) => ({ flops: 8 * sizeOf(x!.shape), bytes: 12 * sizeOf(x!.shape) }),
  cases: [
    entry('odd channels', [2, 3, 4, 5, 3]),
    entry('whole vectors', [5, 7, 8], { momentum: 0.01 }),
    entry('without parameters', [6, 5], { weight: false, bias: false }),
    entry('without running statistics', [4, 3, 5], { running: false }),
    { ...entry('volume', [2, 64, 64, 64, 32]), bench: true },
  ],
})

/** Batch norm by statistics that are given. */
import { defineOp, type OpCase } from '../../engine/op.js'
import { type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { runElementwise } from '../elementwise/kernel.js'
import { type ChannelStatistics, channelSums, runChannelNorm } from '../norm/channels.js'
import { type AffineOptions, listed, named } from '../norm/parameters.js'
import type { KernelContext } from '../variance/fold.js'
import { batchInputs, batchLayout, checkBatch } from './training.js'

/** The last two inputs are the mean and the variance; they have no gradient. */
interface InferenceOptions extends AffineOptions {
  readonly eps: number
}

const inverseOf = {
  name: 'batchNorm inverse',
  arguments: ['variance'],
  expression: '1.0 / sqrt(variance + eps)',
  options: ['eps'],
}
const same = { name: 'batchNorm mean', arguments: ['x'], expression: 'x', options: [] }
const scaled = { name: 'batchNorm gradient', arguments: ['g', 'inverse'], expression: 'g * inverse', options: [] }
const weighted = {
  name: 'batchNorm weighted gradient',
  arguments: ['g', 'inverse', 'weight'],
  expression: 'g * inverse * weight',
  options: [],
}

/** Mean and inverse deviation as the kernels take them, f32. */
function statisticsOf(context: KernelContext, givenMean: Tensor, variance: Tensor, eps: number): ChannelStatistics {
  const inverse = context.empty(variance.shape, 'f32')
  runElementwise({ fn: inverseOf, options: [eps], inputs: [variance], output: inverse }, context.run)
  if (givenMean.dtype === 'f32') return { mean: givenMean, inverse }
  const mean = context.empty(givenMean.shape, 'f32')
  runElementwise({ fn: same, options: [], inputs: [givenMean], output: mean }, context.run)
  return { mean, inverse }
}

function entry(name: string, shape: Shape, affine: boolean): OpCase<InferenceOptions> {
  const channels = [shape.at(-1)!]
  const parameters = affine ? [{ shape: channels }, { shape: channels }] : []
  return {
    name,
    inputs: [
      { shape },
      ...parameters,
      { shape: channels, differentiable: false },
      { shape: channels, range: [0.5, 2], differentiable: false },
    ],
    options: { weight: affine, bias: affine, eps: 1e-5 },
  }
}

export const batchNormInferenceOp = defineOp<InferenceOptions>({
  name: 'batchNormInference',
  doc: 'Channels shifted and scaled by a given mean and variance.',
  shape: (inputs, options) => [checkBatch('batchNorm', inputs, { ...options, running: true })],
  forward(context, inputs, options) {
    const { x, weight, bias, mean, variance } = batchInputs(inputs, { ...options, running: true })
    const y = context.empty()
    const statistics = statisticsOf(context, mean!, variance!, options.eps)
    runChannelNorm(context, batchLayout(x.shape), x, statistics, { weight, bias }, y)
    context.save(x, statistics.mean, statistics.inverse, ...(weight ? [weight] : []))
    return y
  },
  backward(context, [dy], [x, mean, inverse, weight], options) {
    const layout = batchLayout(x!.shape)
    const needs = named(context.needs, options)
    let dx: Tensor | undefined
    if (needs.x) {
      dx = context.empty(x!.shape, x!.dtype)
      const inputs = weight ? [dy!, inverse!, weight] : [dy!, inverse!]
      runElementwise({ fn: weight ? weighted : scaled, options: [], inputs, output: dx }, context.run)
    }
    if (!needs.weight && !needs.bias) return [dx]
    const sums = channelSums(context, layout, x!, dy!, { mean: mean!, inverse: inverse! })
    const shape = [layout.channels]
    return listed(dx, sums.product.alias(shape), sums.gradient.alias(shape), options)
  },
  reference(inputs, options) {
    const { x, weight, bias, mean, variance } = batchInputs(inputs, { ...options, running: true })
    const { channels } = batchLayout(x.shape)
    const data = x.data.map((value, i) => {
      const c = i % channels
      const normal = (value - mean!.data[c]!) / Math.sqrt(variance!.data[c]! + options.eps)
      return normal * (weight?.data[c] ?? 1) + (bias?.data[c] ?? 0)
    })
    return [{ data, shape: x.shape }]
  },
  cost: ([x]) => ({ flops: 4 * sizeOf(x!.shape), bytes: 8 * sizeOf(x!.shape) }),
  cases: [
    entry('odd channels', [2, 3, 4, 5, 3], true),
    entry('whole vectors', [5, 8], true),
    entry('without parameters', [1, 6, 5], false),
    entry('no samples', [0, 4], true),
    { ...entry('volume', [2, 64, 64, 64, 32], true), bench: true },
  ],
})

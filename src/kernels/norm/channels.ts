/** Group, instance and batch norm share this: statistics of channels, channels-last, and what is made of them. */
import type { DType } from '../../engine/dtype.js'
import { defineKernel } from '../../engine/kernel.js'
import type { Tensor } from '../../engine/tensor.js'
import { runElementwise } from '../elementwise/kernel.js'
import { runReduce } from '../reduce/kernel.js'
import type { KernelContext } from '../variance/fold.js'
import { runMappedSum } from '../variance/mapped-sum.js'
import { vectorTypes, vectorWidth } from '../variance/vector.js'
import { type BoundArray, declareArrays, optionalVector } from './bindings.js'
import channelWgsl from './channel.wgsl'
import channelGradientWgsl from './channel-gradient.wgsl'

/** `x` as `[samples, places, channels]`; `groups` of neighbouring channels are normalised together. */
export interface ChannelLayout {
  readonly samples: number
  readonly places: number
  readonly channels: number
  readonly groups: number
}

interface ChannelProblem {
  readonly layout: ChannelLayout
  readonly dtype: DType
  readonly weight: DType | undefined
  readonly bias: DType | undefined
}

const vector = (dtype: DType, { channels }: ChannelLayout) => {
  return vectorWidth(channels) === 4 ? `vec4<${dtype}>` : dtype
}

function forwardArrays({ layout, weight, bias }: ChannelProblem): BoundArray[] {
  return [
    { name: 'x', type: 'Element' },
    { name: 'means', type: 'Vector' },
    { name: 'inverses', type: 'Vector' },
    ...(weight ? [{ name: 'weight', type: vector(weight, layout) }] : []),
    ...(bias ? [{ name: 'bias', type: vector(bias, layout) }] : []),
    { name: 'y', type: 'Element', writes: true },
  ]
}

function gradientArrays({ layout, weight }: ChannelProblem): BoundArray[] {
  return [
    { name: 'dy', type: 'Element' },
    { name: 'x', type: 'Element' },
    { name: 'means', type: 'Vector' },
    { name: 'inverses', type: 'Vector' },
    { name: 'shifts', type: 'Vector' },
    { name: 'slopes', type: 'Vector' },
    ...(weight ? [{ name: 'weight', type: vector(weight, layout) }] : []),
    { name: 'dx', type: 'Element', writes: true },
  ]
}

/** Elements or vectors that a lane makes. */
const items = 8

/** Elements or vectors of a sample, and the blocks that workgroups make of them. */
function blocksOf({ places, channels }: ChannelLayout): { perSample: number; blocks: number } {
  const perSample = (places * channels) / vectorWidth(channels)
  return { perSample, blocks: Math.ceil(perSample / (256 * items)) }
}

const kernelOf = (name: string, wgsl: string, arrays: (problem: ChannelProblem) => BoundArray[]) =>
  defineKernel<ChannelProblem>({
    name,
    variants: [
      {
        name: 'portable',
        wgsl,
        key: ({ layout, dtype, weight, bias }) => `|${vectorWidth(layout.channels)}|${dtype}|${weight}|${bias}`,
        specialize: (problem) => ({
          types: {
            ...vectorTypes(vectorWidth(problem.layout.channels), { Element: problem.dtype }),
            // Brings `enable f16;` along for parameters.
            Weight: problem.weight ?? 'f32',
            Bias: problem.bias ?? 'f32',
          },
          constants: { ITEMS: items },
          code: [
            declareArrays(arrays(problem)),
            optionalVector('weight', problem.weight !== undefined, '1.0'),
            optionalVector('bias', problem.bias !== undefined, '0.0'),
          ].join('\n'),
        }),
        parameters: (writer, { layout }) => {
          const { perSample, blocks } = blocksOf(layout)
          writer.u32(perSample).u32(layout.channels / vectorWidth(layout.channels))
          writer.u32(blocks).u32(layout.samples)
        },
        workgroups: ({ layout }) => layout.samples * blocksOf(layout).blocks,
      },
    ],
  })

const channelNormKernel = kernelOf('channelNorm', channelWgsl, forwardArrays)
const channelNormGradientKernel = kernelOf('channelNormGradient', channelGradientWgsl, gradientArrays)

/** One value per sample and channel, f32. */
export interface ChannelStatistics {
  readonly mean: Tensor
  readonly inverse: Tensor
}

const repeat = { name: 'channelNorm repeat', arguments: ['x'], expression: 'x', options: [] }

/** One value per group, `[samples, groups]`, as one per channel, `[samples, channels]`. */
export function spreadGroups(context: KernelContext, values: Tensor, layout: ChannelLayout): Tensor {
  const { samples, channels, groups } = layout
  if (groups === channels) return values
  const output = context.empty([samples, groups, channels / groups], 'f32')
  const inputs = [values.alias([samples, groups, 1])]
  runElementwise({ fn: repeat, options: [], inputs, output }, context.run)
  return output.alias([samples, channels])
}

/** Records `y = (x - mean) * inverse * weight + bias`. */
export function runChannelNorm(
  context: KernelContext,
  layout: ChannelLayout,
  x: Tensor,
  { mean, inverse }: ChannelStatistics,
  { weight, bias }: { weight: Tensor | undefined; bias: Tensor | undefined },
  y: Tensor,
): void {
  context.run({
    kernel: channelNormKernel,
    problem: { layout, dtype: x.dtype, weight: weight?.dtype, bias: bias?.dtype },
    inputs: [x, mean, inverse, ...(weight ? [weight] : []), ...(bias ? [bias] : [])],
    outputs: [y],
  })
}

/** Sums over the places of each sample and channel, f32 `[samples, channels]`: what every gradient is made of. */
export interface ChannelSums {
  /** Of dy. */
  readonly gradient: Tensor
  /** Of dy times the normalised x. */
  readonly product: Tensor
}

export function channelSums(
  context: KernelContext,
  { samples, places, channels }: ChannelLayout,
  x: Tensor,
  dy: Tensor,
  { mean, inverse }: ChannelStatistics,
): ChannelSums {
  const gradient = context.empty([samples, channels], 'f32')
  const product = context.empty([samples, channels], 'f32')
  runMappedSum(context, {
    name: 'channel sums',
    operands: [
      { name: 'g', tensor: dy },
      { name: 'x', tensor: x },
      { name: 'mean', tensor: mean, follow: 'output' },
      { name: 'inverse', tensor: inverse, follow: 'output' },
    ],
    terms: ['g', 'g * (x - mean) * inverse'],
    results: [{ tensor: gradient }, { tensor: product }],
    runs: [{ outer: samples, length: places, inner: channels }],
  })
  return { gradient, product }
}

/** The gradient of weight or bias: a sum over samples. */
export function sumSamples(context: KernelContext, sums: Tensor): Tensor {
  return runReduce(context, sums, { mode: 'sum', axes: [0], dtype: 'f32', outputShape: [sums.shape[1]!] })
}

/** Means of the gradient at the normalised values, and of its product with them, over each group: `[samples, groups]`. */
export function groupMeans(
  context: KernelContext,
  { samples, places, channels, groups }: ChannelLayout,
  { gradient, product }: ChannelSums,
  weight: Tensor | undefined,
): { shift: Tensor; slope: Tensor } {
  const shift = context.empty([samples, groups], 'f32')
  const slope = context.empty([samples, groups], 'f32')
  runMappedSum(context, {
    name: `group means ${weight !== undefined}`,
    operands: [
      { name: 'gradient', tensor: gradient },
      { name: 'product', tensor: product },
      ...(weight ? [{ name: 'weight', tensor: weight, follow: 'period' as const }] : []),
    ],
    terms: weight ? ['gradient * weight', 'product * weight'] : ['gradient', 'product'],
    results: [
      { tensor: shift, finish: 's0 * o0' },
      { tensor: slope, finish: 's1 * o0' },
    ],
    runs: [{ outer: samples * groups, length: channels / groups, inner: 1 }],
    period: channels,
    options: [groups / (places * channels)],
  })
  return { shift, slope }
}

/** Records `dx`, given statistics, shift and slope for every sample and channel. */
export function runChannelNormGradient(
  context: KernelContext,
  layout: ChannelLayout,
  tensors: {
    readonly dy: Tensor
    readonly x: Tensor
    readonly statistics: ChannelStatistics
    readonly shift: Tensor
    readonly slope: Tensor
    readonly weight: Tensor | undefined
    readonly dx: Tensor
  },
): void {
  const { dy, x, statistics, shift, slope, weight, dx } = tensors
  context.run({
    kernel: channelNormGradientKernel,
    problem: { layout, dtype: x.dtype, weight: weight?.dtype, bias: undefined },
    inputs: [dy, x, statistics.mean, statistics.inverse, shift, slope, ...(weight ? [weight] : [])],
    outputs: [dx],
  })
}

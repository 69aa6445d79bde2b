/**
 * Convolutions whose windows tile the volume: no overlap, no gap, no padding. Each is one matrix product and a
 * permutation, so that patch embeddings and doubling decoders run at the speed of matmul.
 */
import { checkDType } from '../../engine/dtype.js'
import { apply, defineOp } from '../../engine/op.js'
import { type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { permute, reshape, tile } from '../layout/index.js'
import { linear } from '../matmul/index.js'
import { patchCases, patchTransposeCases } from './cases.js'
import { type ConvolutionOptions, spatial, type TransposeOptions, type Triple, volumeOf } from './geometry.js'
import { conv3dReference, convTranspose3dReference } from './reference.js'

const isZero = (values: Triple) => values.every((n) => n === 0)

const tiles = (
  kernel: Triple,
  { stride, dilation, groups }: Pick<ConvolutionOptions, 'stride' | 'dilation' | 'groups'>,
) =>
  groups === 1 &&
  volumeOf(kernel) > 0 &&
  kernel.every((n, axis) => n === stride[axis] && (n === 1 || dilation[axis] === 1))

export function isPatchConvolution(x: Shape, weight: Shape, options: ConvolutionOptions): boolean {
  const kernel = spatial(weight)
  const whole = spatial(x).every((extent, axis) => extent > 0 && extent % kernel[axis]! === 0)
  return (
    tiles(kernel, options) &&
    whole &&
    isZero(options.paddingBefore) &&
    isZero(options.paddingAfter) &&
    x[4] === weight[4]
  )
}

export function isPatchTranspose(weight: Shape, options: TransposeOptions): boolean {
  return (
    weight.length === 5 && tiles(spatial(weight), options) && isZero(options.padding) && isZero(options.outputPadding)
  )
}

const noPadding = { paddingBefore: [0, 0, 0], paddingAfter: [0, 0, 0] } as const
const plain = { dilation: [1, 1, 1], groups: 1 } as const

/** Options of the general operation, for shape rule and reference. */
const conv3dOptions = (weight: Shape): ConvolutionOptions => ({ ...plain, ...noPadding, stride: spatial(weight) })
const transposeOptions = (weight: Shape): TransposeOptions => ({
  ...plain,
  stride: spatial(weight),
  padding: [0, 0, 0],
  outputPadding: [0, 0, 0],
})

const patchConvolutionOp = defineOp<Record<string, never>>({
  name: 'patchConv3d',
  doc: 'conv3d with stride = kernel: one matrix product over patches.',
  shape([x, weight, bias]) {
    checkDType('conv3d', ['f32', 'f16'], x!, weight!, ...(bias ? [bias] : []))
    const kernel = spatial(weight!.shape)
    const grid = spatial(x!.shape).map((extent, axis) => extent / kernel[axis]!)
    return [{ shape: [x!.shape[0]!, ...grid, weight!.shape[0]!], dtype: x!.dtype }]
  },
  forward(_, [x, weight, bias]) {
    const [batch, depth, height, width, channels] = x!.shape as [number, number, number, number, number]
    const [kd, kh, kw] = spatial(weight!.shape)
    const grid = [depth / kd, height / kh, width / kw] as const
    const cut = reshape(x!, [batch, grid[0], kd, grid[1], kh, grid[2], kw, channels])
    const patches = permute(cut, [0, 1, 3, 5, 2, 4, 6, 7])
    const features = kd * kh * kw * channels
    const flat = reshape(patches, [batch, ...grid, features])
    return linear(flat, reshape(weight!, [weight!.shape[0]!, features]), { bias })
  },
  reference: (inputs) => [conv3dReference(inputs, conv3dOptions(inputs[1]!.shape))],
  cost([x, weight]) {
    const outputs = (sizeOf(x!.shape) / sizeOf(weight!.shape.slice(1))) * weight!.shape[0]!
    return {
      flops: 2 * sizeOf(x!.shape) * weight!.shape[0]!,
      bytes: 4 * (sizeOf(x!.shape) + sizeOf(weight!.shape) + outputs),
    }
  },
  cases: patchCases,
})

const patchTransposeOp = defineOp<Record<string, never>>({
  name: 'patchConvTranspose3d',
  doc: 'convTranspose3d with stride = kernel: one matrix product that makes a patch of every voxel.',
  shape([x, weight, bias]) {
    checkDType('convTranspose3d', ['f32', 'f16'], x!, weight!, ...(bias ? [bias] : []))
    const kernel = spatial(weight!.shape)
    const grid = spatial(x!.shape).map((extent, axis) => extent * kernel[axis]!)
    return [{ shape: [x!.shape[0]!, ...grid, weight!.shape[4]!], dtype: x!.dtype }]
  },
  forward(_, [x, weight, bias]) {
    const [batch, depth, height, width, channels] = x!.shape as [number, number, number, number, number]
    const [kd, kh, kw] = spatial(weight!.shape)
    const outputs = weight!.shape[4]!
    const taps = kd * kh * kw
    // The weight is small: turning it lets linear add the bias, which would otherwise be a pass over the result.
    const turned = permute(reshape(weight!, [channels, taps * outputs]), [1, 0])
    const flat = linear(x!, turned, { bias: bias && tile(bias, [taps]) })
    const patches = reshape(flat, [batch, depth, height, width, kd, kh, kw, outputs])
    return reshape(permute(patches, [0, 1, 4, 2, 5, 3, 6, 7]), [batch, depth * kd, height * kh, width * kw, outputs])
  },
  reference: (inputs) => [convTranspose3dReference(inputs, transposeOptions(inputs[1]!.shape))],
  cost([x, weight]) {
    const outputs = (sizeOf(x!.shape) / x!.shape[4]!) * sizeOf(weight!.shape.slice(1))
    return { flops: 2 * outputs * x!.shape[4]!, bytes: 4 * (sizeOf(x!.shape) + sizeOf(weight!.shape) + outputs) }
  },
  cases: patchTransposeCases,
})

export const patchConvolution = (inputs: readonly Tensor[]): Tensor => apply(patchConvolutionOp, inputs, {})

export const patchTranspose = (inputs: readonly Tensor[]): Tensor => apply(patchTransposeOp, inputs, {})
